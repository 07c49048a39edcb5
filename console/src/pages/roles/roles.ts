// What the page of roles reckons: the order of permissions, who may change what, and a role as a form.
import type { Me, Permission, Schemas } from '../../api';
import { roles as t } from '../../i18n/roles';
import { roleName, words } from '../../i18n/words';

export type Role = Schemas['Role'];

/** The permissions in the order of the matrix. One that the API gains is a compile error in `words.ts`, and is to be put here. */
export const groups = [
  { id: 'users', permissions: ['users.read', 'users.write', 'users.delete', 'users.invite'] },
  { id: 'licences', permissions: ['licences.assign'] },
  { id: 'files', permissions: ['imports.run', 'exports.run'] },
  { id: 'customers', permissions: ['accounts.manage'] },
  { id: 'company', permissions: ['groups.manage', 'roles.manage', 'tenant.manage'] },
  { id: 'audit', permissions: ['audit.read'] },
] as const satisfies readonly { id: string; permissions: readonly Permission[] }[];

export const permissions: readonly Permission[] = groups.flatMap((group) => group.permissions);

export const nameOf = (role: Role): string => (role.built_in ? roleName(role.id) : role.name);

/** Why the caller may not change a role, if so; by rule 5 nobody handles what they do not hold, nor what they have. */
export function lockOf(role: Role, me: Me): 'builtIn' | 'yours' | 'beyond' | undefined {
  if (role.built_in) return 'builtIn';
  if (me.roles.includes(role.id)) return 'yours';
  return role.permissions.every((permission) => me.permissions.includes(permission)) ? undefined : 'beyond';
}

/** A role as one fills it in: its name, and whether it has each permission. */
export type RoleValues = Readonly<Record<string, unknown>> & { readonly name: string };

export function valuesOf(role: { name: string; permissions: readonly Permission[] }): RoleValues {
  const has = permissions.map((permission) => [permission, role.permissions.includes(permission)] as const);
  return { ...Object.fromEntries(has), name: role.name };
}

export const formOf = (values: RoleValues): { name: string; permissions: Permission[] } => ({
  name: values.name,
  permissions: permissions.filter((permission) => values[permission] === true),
});

/** A field of a role and its value in words, for comparing versions. */
export function inWords(field: string, values: RoleValues): { label: string; value: string } {
  if (field === 'name') return { label: t('form.name'), value: values.name };
  return { label: words(`permission.${field as Permission}`), value: values[field] === true ? t('yes') : t('no') };
}
