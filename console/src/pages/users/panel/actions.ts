// What can be done to a user, by whom and when; each as a question that is asked before it is done.
import { api, ApiError, ok, queryClient, type Code, type Schemas } from '../../../api';
import { user as t } from '../../../i18n/user';
import { isActive, type Powers } from '../form/powers';

type User = Schemas['User'];

export type Action =
  | 'invite' | 'resend' | 'revoke' | 'reset' | 'suspend' | 'reactivate' | 'delete' | 'restore' | 'withdrawEmail';

/** What the caller can do to the user as it stands. */
export function actionsFor(user: User, powers: Powers, policy: Schemas['Policy']): Action[] {
  const { status, email, invitation, pending_email: pending } = user;
  const is = (...some: Schemas['Status'][]) => some.includes(status);
  const mailed = email != null && (isActive(user) || invitation != null) && !is('suspended', 'deleted');
  const mine = powers.isMe(user);
  const can: [Action, boolean][] = [
    ['invite', is('not_invited') && email != null && powers.may('users.invite', user)],
    ['resend', is('activation_pending', 'invitation_expired') && powers.may('users.invite', user)],
    ['revoke', is('activation_pending') && powers.may('users.invite', user)],
    ['reset', mailed && !mine && powers.may('users.write', user)],
    ['withdrawEmail', pending != null && (mine || powers.may('users.write', user))],
    ['suspend', !is('suspended', 'deleted') && powers.removes('users.write', user, policy)],
    ['reactivate', is('suspended') && !mine && powers.may('users.write', user)],
    ['delete', !is('deleted') && powers.removes('users.delete', user, policy)],
    ['restore', is('deleted') && !mine && powers.may('users.delete', user) && powers.givesAll(user)],
  ];
  return can.filter(([, possible]) => possible).map(([action]) => action);
}

export interface Question {
  title: string;
  text: string;
  confirm: string;
  danger?: boolean;
  /** What has to be typed first. */
  typed?: string;
  /** Does it; says what was done. */
  act: (typed: string) => Promise<string>;
}

/** For how long news of a mail that was sent is waited for, and how often it is asked for. */
const NEWS_MS = 120_000;
const ASKED_MS = 3_000;

/** How often to read a user anew of whose invitation news is to be expected; `false`: not at all. */
export function newsDue(user: User | undefined, now = Date.now()): number | false {
  const { mail, sent_at: sent } = user?.invitation ?? {};
  const fresh = mail === 'sent' && sent != null && now - new Date(sent).getTime() < NEWS_MS;
  return mail === 'queued' || mail === 'sending' || fresh ? ASKED_MS : false;
}

/** The outcome for the one user that was named: a refusal is thrown as any other. */
export function single({ outcomes }: Schemas['Outcomes'] | Schemas['Assigned']): void {
  const [first] = outcomes;
  if (first?.outcome !== 'refused') return;
  throw new ApiError({ status: 409, code: first.code as Code, title: '', detail: first.message ?? '' });
}

/** Reads anew what a change of the user may have changed. */
export function changed(id: string): void {
  const keys = [['user', id], ['users'], ['products'], ['preview', id], ['audit'], ['overview']];
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey });
}

export function question(action: Action, user: User): Question {
  const { id, name } = user;
  const body = { users: [id] };
  const params = { path: { id } };
  const done = () => t(`${action}.done`, { name });
  const values = { name, email: user.pending_email ?? '' };
  const asked = { title: t(`${action}.title`, values), text: t(`${action}.text`, values), confirm: t(`${action}.confirm`) };
  const bulk = (send: () => Promise<Schemas['Outcomes']>) => async () => {
    single(await send());
    return done();
  };
  switch (action) {
    case 'invite':
      return {
        ...asked,
        act: bulk(async () => (await ok(api.POST('/v1/invitations', { body }))) as Schemas['Outcomes']),
      };
    case 'resend':
      return { ...asked, act: bulk(() => ok(api.POST('/v1/invitations/resend', { body }))) };
    case 'revoke':
      return { ...asked, danger: true, act: bulk(() => ok(api.POST('/v1/invitations/revoke', { body }))) };
    case 'suspend':
      return { ...asked, danger: true, act: bulk(() => ok(api.POST('/v1/users/suspend', { body }))) };
    case 'reactivate':
      return { ...asked, act: bulk(() => ok(api.POST('/v1/users/reactivate', { body }))) };
    case 'restore':
      return { ...asked, act: bulk(() => ok(api.POST('/v1/users/restore', { body }))) };
    case 'reset':
      return {
        ...asked,
        text: t(isActive(user) ? 'reset.text' : 'reset.pending', { name }),
        act: async () => {
          const { mail } = await ok(api.POST('/v1/users/{id}/password-reset', { params }));
          return t(`reset.${mail}`, { name });
        },
      };
    case 'withdrawEmail':
      return {
        ...asked,
        act: async () => {
          await ok(api.DELETE('/v1/users/{id}/email', { params }));
          return done();
        },
      };
    case 'delete':
      return {
        ...asked,
        danger: true,
        typed: user.email ?? user.external_id ?? id,
        act: async (confirm) => {
          await ok(api.POST('/v1/users/{id}/delete', { params, body: { confirm } }));
          return done();
        },
      };
  }
}
