import { expect, it } from 'vitest';
import type { Me } from '../../api';
import schema from '../../../../openapi.json';
import { formOf, inWords, lockOf, permissions, valuesOf, type Role } from './roles';

const role: Role = { id: 'rol_1', name: 'Dispatcher', built_in: false, permissions: ['users.invite', 'users.read'] };
const me = (roles: string[], permissions: Me['permissions']) => ({ roles, permissions }) as Me;

it('every permission of the API has its place in the matrix', () => {
  expect([...permissions].sort()).toEqual([...schema.components.schemas.Permission.enum].sort());
});

it('who holds less than a role, or has it, does not change it', () => {
  expect(lockOf(role, me([], ['users.read', 'users.invite', 'roles.manage']))).toBeUndefined();
  expect(lockOf(role, me([], ['users.read', 'roles.manage']))).toBe('beyond');
  expect(lockOf(role, me(['rol_1'], ['users.read', 'users.invite']))).toBe('yours');
  expect(lockOf({ ...role, built_in: true }, me([], []))).toBe('builtIn');
});

it('a role is filled in and read back in the order of the matrix', () => {
  const values = valuesOf(role);
  expect(formOf(values)).toEqual({ name: 'Dispatcher', permissions: ['users.read', 'users.invite'] });
  expect(inWords('name', values)).toEqual({ label: 'Name', value: 'Dispatcher' });
  expect(inWords('audit.read', values)).toEqual({ label: 'Read the audit trail', value: 'No' });
});
