// What can be done with several users at once: who may, what the API is asked, and what will come of it as far as can be
// told beforehand.
import { api, ApiError, ok, type Permission, type Schemas } from '../../api';
import type { IconName } from '../../ui/icons';
import type { User } from './list.svelte';

/** What is kept of a user who is selected: enough to say what will happen, for 100,000 of them. */
export type Picked = Pick<User, 'id' | 'name' | 'email' | 'external_id' | 'status' | 'class' | 'username' | 'groups'> & {
  /** The products of its licences. */
  products: readonly string[];
  /** How far the mail of its invitation has come. */
  mail: Schemas['MailState'] | undefined;
};

export function pick(user: User): Picked {
  const { id, name, email, external_id, status, class: reach, username, groups } = user;
  const products = user.licences.map(({ product }) => product);
  return { id, name, email, external_id, status, class: reach, username, groups, products, mail: user.invitation?.mail };
}

export type Outcome = Pick<Schemas['Outcome'], 'user' | 'outcome' | 'code' | 'message'>;

export const actionIds = [
  'assign',
  'unassign',
  'invite',
  'resend',
  'delete',
  'restore',
  'revoke',
  'suspend',
  'reactivate',
  'group',
  'ungroup',
] as const;
export type ActionId = (typeof actionIds)[number];

export interface Action {
  permission: Permission;
  icon: IconName;
  danger?: true;
  /** What else has to be named. */
  needs?: 'product' | 'group';
}

export const actions: Record<ActionId, Action> = {
  assign: { permission: 'licences.assign', icon: 'key', needs: 'product' },
  unassign: { permission: 'licences.assign', icon: 'close', needs: 'product' },
  invite: { permission: 'users.invite', icon: 'mail' },
  resend: { permission: 'users.invite', icon: 'refresh' },
  revoke: { permission: 'users.invite', icon: 'close' },
  suspend: { permission: 'users.write', icon: 'lock' },
  reactivate: { permission: 'users.write', icon: 'check' },
  delete: { permission: 'users.delete', icon: 'trash', danger: true },
  restore: { permission: 'users.delete', icon: 'refresh' },
  group: { permission: 'groups.manage', icon: 'groups', needs: 'group' },
  ungroup: { permission: 'groups.manage', icon: 'close', needs: 'group' },
};

/** The actions that make sense for these users, of those that the caller may do. */
export function offered(users: Iterable<Picked>, may: (permission: Permission) => boolean): readonly ActionId[] {
  const deleted = new Set<boolean>();
  for (const { status } of users) {
    deleted.add(status === 'deleted');
    if (deleted.size === 2) break;
  }
  return actionIds.filter((id) => may(actions[id].permission) && deleted.has(id === 'restore'));
}

/** What one user's part in an action comes to, as it stands now: refused with a code of the API, in the order of its rules. */
function expected(action: ActionId, user: Picked, target: string, me: string, alone: boolean): string {
  const { status } = user;
  const joined = user.username != null;
  const touchesOwner = user.class === 'owner' && !alone;
  const done = (open: boolean) => (open ? 'done' : 'unchanged');
  switch (action) {
    case 'assign':
      if (status === 'deleted') return 'user_deleted';
      if (status === 'suspended') return 'user_suspended';
      return done(!user.products.includes(target));
    case 'unassign':
      return status === 'deleted' ? 'user_deleted' : done(user.products.includes(target));
    case 'invite':
    case 'resend': {
      if (status === 'deleted') return 'user_deleted';
      if (status === 'suspended') return 'user_suspended';
      if (joined) return 'already_active';
      if (user.email == null) return 'no_email';
      if (action === 'resend') return user.mail === undefined ? 'not_invited' : 'done';
      const stands = user.mail !== undefined && !['bounced', 'complained', 'failed'].includes(user.mail);
      return done(!stands || status === 'invitation_expired');
    }
    case 'revoke':
      if (status === 'deleted') return 'user_deleted';
      return joined ? 'already_active' : done(user.mail !== undefined);
    case 'suspend':
    case 'reactivate':
      if (user.id === me) return 'not_yourself';
      if (status === 'deleted') return 'user_deleted';
      if (action === 'reactivate') return done(status === 'suspended');
      if (status === 'suspended') return 'unchanged';
      return touchesOwner ? 'owner_protected' : 'done';
    case 'delete':
      if (user.id === me) return 'not_yourself';
      if (status === 'deleted') return 'unchanged';
      return touchesOwner ? 'owner_protected' : 'done';
    case 'restore':
      return done(status === 'deleted');
    case 'group':
    case 'ungroup':
      if (status === 'deleted') return 'user_deleted';
      return done(user.groups.includes(target) === (action === 'ungroup'));
  }
}

export interface Forecast {
  done: number;
  unchanged: number;
  /** Code and number of those who will be refused. */
  refused: readonly (readonly [string, number])[];
}

/** What an action will come to. `target` is the product or group; `seats` how many are left of the product. */
export function forecast(
  action: ActionId,
  users: readonly Picked[],
  { me, target = '', seats = Infinity }: { me: string; target?: string; seats?: number },
): Forecast {
  const counts = new Map<string, number>();
  const add = (what: string, n: number) => counts.set(what, (counts.get(what) ?? 0) + n);
  for (const user of users) add(expected(action, user, target, me, users.length === 1), 1);
  const willing = counts.get('done') ?? 0;
  const done = action === 'assign' ? Math.min(willing, seats) : willing;
  if (willing > done) add('no_seats_left', willing - done);
  const unchanged = counts.get('unchanged') ?? 0;
  counts.delete('done');
  counts.delete('unchanged');
  return { done, unchanged, refused: [...counts].sort((a, b) => b[1] - a[1]) };
}

/** What has to be typed to delete these users: what names the only one, or how many will go. */
export function typedToDelete(users: readonly Picked[], deleted: number): string {
  const [only, ...others] = users;
  return only && others.length === 0 ? (only.email ?? only.external_id ?? only.id) : `${deleted}`;
}

/** One request of an action, for at most 1000 users. `typed` confirms the deletion of one. */
export async function send(
  action: ActionId,
  users: readonly string[],
  { target = '', typed = '' }: { target?: string; typed?: string },
): Promise<readonly Outcome[]> {
  const body = { users: [...users] };
  const params = { path: { id: target } };
  switch (action) {
    case 'assign':
      return (await ok(api.POST('/v1/products/{id}/assign', { params, body }))).outcomes;
    case 'unassign':
      return (await ok(api.POST('/v1/products/{id}/unassign', { params, body }))).outcomes;
    case 'invite': {
      const invited = await ok(api.POST('/v1/invitations', { body }));
      return 'outcomes' in invited ? invited.outcomes : [];
    }
    case 'resend':
      return (await ok(api.POST('/v1/invitations/resend', { body }))).outcomes;
    case 'revoke':
      return (await ok(api.POST('/v1/invitations/revoke', { body }))).outcomes;
    case 'suspend':
      return (await ok(api.POST('/v1/users/suspend', { body }))).outcomes;
    case 'reactivate':
      return (await ok(api.POST('/v1/users/reactivate', { body }))).outcomes;
    case 'restore':
      return (await ok(api.POST('/v1/users/restore', { body }))).outcomes;
    case 'group':
      return (await ok(api.POST('/v1/groups/{id}/add', { params, body }))).outcomes;
    case 'ungroup':
      return (await ok(api.POST('/v1/groups/{id}/remove', { params, body }))).outcomes;
    case 'delete': {
      const [only] = users;
      if (only !== undefined && typed !== '') return [await deleteOne(only, typed)];
      return (await ok(api.POST('/v1/users/delete', { body: { ...body, confirm: users.length } }))).outcomes;
    }
  }
}

/** Deletes one user, which may be an owner; a refusal is an outcome, as it is of one among many. */
async function deleteOne(user: string, confirm: string): Promise<Outcome> {
  try {
    await ok(api.POST('/v1/users/{id}/delete', { params: { path: { id: user } }, body: { confirm } }));
    return { user, outcome: 'done' };
  } catch (error) {
    const refused = error instanceof ApiError && error.status < 429 && error.status !== 401;
    if (!refused) throw error;
    return { user, outcome: 'refused', code: error.code, message: error.message };
  }
}
