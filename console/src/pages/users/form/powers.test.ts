import { expect, it } from 'vitest';
import type { Me, Schemas } from '../../../api';
import { lock, Powers, scopeCounts } from './powers';

const roles: Pick<Schemas['Role'], 'id' | 'permissions'>[] = [
  { id: 'user_manager', permissions: ['users.read', 'users.write', 'users.delete', 'users.invite', 'imports.run', 'exports.run'] },
  { id: 'account_manager', permissions: ['users.read', 'accounts.manage'] },
  { id: 'auditor', permissions: ['users.read', 'audit.read'] },
  { id: 'driver', permissions: [] },
];
const policy = { email_change: 'verified', own_email: 'support', owner_demotion: 'support', standard_sees: 'all' } as const;
const user = (fields: Partial<Schemas['User']> = {}): Schemas['User'] => ({
  id: 'usr_1', kind: 'person', name: 'Ada', class: 'limited', roles: [], modules: {}, groups: [],
  scope: { all: false, groups: [], users: [] }, status: 'not_invited', licence_state: 'unassigned', licences: [],
  created_at: '', updated_at: '', version: 1, ...fields,
});
const me = (fields: Partial<Me>): Powers =>
  new Powers({ ...user({ id: 'usr_me', class: 'standard' }), permissions: [], ...fields }, roles);
const owner = me({ class: 'owner' });
const manager = me({ roles: ['user_manager'] });

it('a user manager never touches owners, and gives no more than it holds', () => {
  expect(manager.may('users.write', user())).toBe(true);
  expect(manager.may('users.write', user({ class: 'owner' }))).toBe(false);
  expect([manager.givesRole('user_manager'), manager.givesRole('auditor'), manager.givesRole('driver')]).toEqual([true, false, true]);
  expect(manager.givesModule('maps', 'view')).toBe(false);
  expect(me({ modules: { maps: 'view' } }).givesModule('maps', 'view')).toBe(true);
  expect(me({ modules: { maps: 'view' } }).givesModule('maps', 'edit')).toBe(false);
  expect(owner.givesRole('auditor') && owner.givesModule('maps', 'edit')).toBe(true);
});

it('an account manager manages users in accounts only', () => {
  const accounts = me({ roles: ['account_manager'] });
  expect(accounts.may('users.write', user())).toBe(false);
  expect(accounts.may('users.write', user({ account: 'acc_1' }))).toBe(true);
  expect(accounts.may('licences.assign', user({ account: 'acc_1' }))).toBe(false);
});

it('nobody edits their own rights, and without the permission only what is theirs', () => {
  const clerk = me({});
  const self = user({ id: 'usr_me', class: 'standard' });
  expect(lock('roles', clerk, self, policy)).toBe('own');
  expect(lock('external_id', clerk, self, policy)).toBe('administrator');
  expect(lock('phone', clerk, self, policy)).toBeUndefined();
  expect(lock('external_id', manager, self, policy)).toBeUndefined();
  expect(clerk.edits(self)).toBe(true);
  expect(me({ class: 'limited' }).edits({ ...self, class: 'limited' })).toBe(false);
});

it('who holds more is renamed, but given nothing and not taken over', () => {
  const auditor = user({ class: 'standard', roles: ['auditor'] });
  expect(lock('last_name', manager, auditor, policy)).toBeUndefined();
  expect(lock('email', manager, auditor, policy)).toBe('beyond');
  expect(lock('class', manager, auditor, policy)).toBe('beyond');
  expect(lock('class', owner, auditor, policy)).toBeUndefined();
});

it('addresses and usernames of active people follow the policy', () => {
  const active = user({ username: 'ada', status: 'active' });
  expect(lock('email', owner, active, policy)).toBe('confirmed');
  expect(lock('email', owner, active, { ...policy, email_change: 'immutable' })).toBe('immutable');
  expect(lock('email', owner, user(), policy)).toBeUndefined();
  expect(lock('username', owner, user(), policy)).toBe('inactive');
  expect(owner.changesEmail(active, policy)).toBe(true);
  expect(owner.changesEmail({ ...active, id: 'usr_me', class: 'owner' }, policy)).toBe(false);
});

it('owners are demoted and deleted where the policy says so', () => {
  const other = user({ class: 'owner' });
  expect(lock('class', owner, other, policy)).toBe('owner');
  expect(owner.removes('users.delete', other, policy)).toBe(false);
  expect(owner.removes('users.delete', other, { ...policy, owner_demotion: 'co_owner' })).toBe(true);
  expect(owner.removes('users.delete', user({ id: 'usr_me' }), policy)).toBe(false);
});

it('a scope counts where class, role and policy leave it to that', () => {
  const counts = (of: string, role: string[] = [], inAccount = false, sees: 'all' | 'assigned' = 'all') =>
    scopeCounts({ class: of, roles: role, inAccount }, { standard_sees: sees });
  expect([counts('owner'), counts('standard'), counts('limited')]).toEqual([false, false, true]);
  expect(counts('standard', [], false, 'assigned')).toBe(true);
  expect([counts('standard', ['account_owner'], true), counts('standard', [], true)]).toEqual([false, true]);
});
