import { expect, it } from 'vitest';
import type { Me, Schemas } from '../../../api';
import { Powers } from '../form/powers';
import { actionsFor, newsDue } from './actions';

const user = (fields: Partial<Schemas['User']> = {}): Schemas['User'] => ({
  id: 'usr_1', kind: 'person', name: 'Ada', class: 'limited', roles: [], modules: {}, groups: [], email: 'ada@x.example',
  scope: { all: false, groups: [], users: [] }, status: 'not_invited', licence_state: 'unassigned', licences: [],
  created_at: '', updated_at: '', version: 1, ...fields,
});
const by = (fields: Partial<Me>) => new Powers({ ...user({ id: 'usr_me', class: 'owner' }), permissions: [], ...fields }, []);
const policy = { owner_demotion: 'support' } as Schemas['Policy'];
const invitation = { mail: 'sent', invited_at: '' } as const;

it('follows where the user stands', () => {
  const can = (fields: Partial<Schemas['User']>) => actionsFor(user(fields), by({}), policy);
  expect(can({})).toEqual(['invite', 'suspend', 'delete']);
  expect(can({ email: null })).toEqual(['suspend', 'delete']);
  expect(can({ status: 'activation_pending', invitation })).toEqual(['resend', 'revoke', 'reset', 'suspend', 'delete']);
  expect(can({ status: 'invitation_expired', invitation })).toEqual(['resend', 'reset', 'suspend', 'delete']);
  expect(can({ status: 'active', username: 'ada' })).toEqual(['reset', 'suspend', 'delete']);
  expect(can({ status: 'suspended', username: 'ada' })).toEqual(['reactivate', 'delete']);
  expect(can({ status: 'deleted' })).toEqual(['restore']);
});

it('nothing is done to oneself, to owners, or without the permission', () => {
  const active = { status: 'active', username: 'ada' } as const;
  expect(actionsFor(user({ ...active, id: 'usr_me', pending_email: 'b@x.example' }), by({}), policy)).toEqual(['withdrawEmail']);
  expect(actionsFor(user({ ...active, class: 'owner' }), by({}), policy)).toEqual(['reset']);
  expect(actionsFor(user(active), by({ class: 'standard' }), policy)).toEqual([]);
});

it('news of a mail is asked for while it is under way', () => {
  const now = Date.parse('2026-03-03T08:00:00Z');
  const due = (mail: Schemas['MailState'], sent_at?: string) =>
    newsDue(user({ invitation: { mail, invited_at: '', sent_at } }), now);
  expect([due('queued'), due('sent', '2026-03-03T07:59:00Z')]).toEqual([3_000, 3_000]);
  expect([due('sent', '2026-03-03T07:50:00Z'), due('delivered'), newsDue(undefined)]).toEqual([false, false, false]);
});
