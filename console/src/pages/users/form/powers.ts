// What the caller may do to whom, worked out as the API does (shared/src/domain/powers.rs, edit.rs): so that what would be
// refused is not offered. The API decides all the same.
import type { Me, Permission, Schemas } from '../../../api';

type User = Schemas['User'];
type Role = Pick<Schemas['Role'], 'id' | 'permissions'>;
type Policy = Pick<Schemas['Policy'], 'email_change' | 'own_email' | 'owner_demotion' | 'standard_sees'>;
export type Class = Schemas['Class'];

const RANKS: Record<Class, number> = { limited: 0, standard: 1, owner: 2 };
const RIGHTS: Record<Schemas['ModuleRight'], number> = { view: 0, edit: 1 };

/** What whoever manages accounts may do to the users in them. */
const MANAGING: readonly Permission[] = ['users.read', 'users.write', 'users.delete', 'users.invite'];

export class Powers {
  readonly #me: Me;
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #held: ReadonlySet<Permission>;

  constructor(me: Me, roles: readonly Role[]) {
    this.#me = me;
    this.#roles = new Map(roles.map((role) => [role.id, role]));
    this.#held = new Set(me.class === 'standard' ? me.roles.flatMap((id) => this.#roles.get(id)?.permissions ?? []) : []);
  }

  isMe(user: Pick<User, 'id'>): boolean {
    return user.id === this.#me.id;
  }

  /** Whether the caller is of a customer's account, and reaches only that and what is below. */
  get inAccount(): boolean {
    return this.#me.account != null;
  }

  /** The modules that the caller can give; `undefined`: all that there are. */
  get modules(): readonly string[] | undefined {
    return this.#me.class === 'owner' ? undefined : Object.keys(this.#me.modules);
  }

  /** Whether the permission is held for everybody who is seen. */
  permit(permission: Permission): boolean {
    return this.#me.class === 'owner' || permission === 'users.read' || this.#held.has(permission);
  }

  /** Whether this may be done to the user. */
  may(permission: Permission, user: Pick<User, 'class' | 'account'>): boolean {
    const managed = user.account != null && MANAGING.includes(permission) && this.permit('accounts.manage');
    return (this.permit(permission) || managed) && this.givesClass(user.class);
  }

  givesClass(other: Class): boolean {
    return RANKS[other] <= RANKS[this.#me.class];
  }

  /** Whether the role permits nothing that the caller does not hold. A role that is gone permits nothing. */
  givesRole(id: string): boolean {
    return (this.#roles.get(id)?.permissions ?? []).every((permission) => this.permit(permission));
  }

  givesModule(name: string, right: Schemas['ModuleRight']): boolean {
    const own = this.#me.modules[name];
    return this.#me.class === 'owner' || (own !== undefined && RIGHTS[own] >= RIGHTS[right]);
  }

  /** Whether the caller could give all that the user holds: who changes some of it gives it anew. */
  givesAll(user: Pick<User, 'class' | 'roles' | 'modules' | 'scope'>): boolean {
    return (
      this.givesClass(user.class) &&
      user.roles.every((role) => this.givesRole(role)) &&
      Object.entries(user.modules).every(([name, right]) => this.givesModule(name, right)) &&
      !(this.inAccount && (user.scope.all || user.scope.groups.length > 0))
    );
  }

  /** Whether the user may be opened for editing at all. */
  edits(user: User): boolean {
    if (user.status === 'deleted') return false;
    return this.isMe(user) ? this.#me.class !== 'limited' : this.may('users.write', user);
  }

  /** Whether the e-mail address of the active user changes by this caller's word, once it is confirmed. */
  changesEmail(user: User, policy: Policy): boolean {
    if (!isActive(user) || user.status !== 'active' || policy.email_change === 'immutable') return false;
    if (!this.isMe(user)) return this.may('users.write', user);
    return user.class !== 'owner' || policy.own_email === 'verified';
  }

  /** Whether the user may be suspended or deleted, by the permission for it. */
  removes(permission: 'users.write' | 'users.delete', user: User, policy: Policy): boolean {
    const free = user.class !== 'owner' || policy.owner_demotion === 'co_owner';
    return !this.isMe(user) && this.may(permission, user) && free;
  }
}

/** Whether the person has activated: only then there is a username. */
export const isActive = (user: Pick<User, 'username'>): boolean => user.username != null;

/** Fields of a user, as the API names them. */
export type Field =
  | 'kind' | 'external_id' | 'first_name' | 'last_name' | 'email' | 'phone' | 'employee_number' | 'locale' | 'username'
  | 'class' | 'roles' | 'modules' | 'scope' | 'groups' | 'account';

/** Why a field is not for this caller to change. */
export type Lock = 'own' | 'administrator' | 'confirmed' | 'immutable' | 'inactive' | 'suspended' | 'owner' | 'beyond';

const HELD: readonly Field[] = ['class', 'roles', 'modules', 'scope', 'account'];
const OWN: readonly Field[] = ['first_name', 'last_name', 'phone', 'locale'];

/** Why the caller cannot change this field of the user; `undefined` if they can. */
export function lock(field: Field, powers: Powers, user: User, policy: Policy): Lock | undefined {
  if (powers.isMe(user)) {
    if (HELD.includes(field)) return 'own';
    if (!powers.may('users.write', user) && !OWN.includes(field)) return 'administrator';
  }
  if (field === 'email' && isActive(user)) return policy.email_change === 'immutable' ? 'immutable' : 'confirmed';
  if (field === 'username' && !isActive(user)) return 'inactive';
  if (field === 'username' && user.status === 'suspended') return 'suspended';
  if (powers.isMe(user)) return undefined;
  if ((HELD.includes(field) || field === 'email') && !powers.givesAll(user)) return 'beyond';
  if (field === 'class' && user.class === 'owner' && policy.owner_demotion === 'support') return 'owner';
  return undefined;
}

/** Whether such a user sees what is listed for it: otherwise its class, role or the policy decides. */
export function scopeCounts(
  user: { class: string; roles: readonly string[]; inAccount: boolean },
  policy: Pick<Policy, 'standard_sees'>,
): boolean {
  if (user.class === 'owner') return false;
  if (user.class === 'standard' && user.inAccount) return !user.roles.includes('account_owner');
  return user.class === 'limited' || user.inAccount || policy.standard_sees === 'assigned';
}
