// Finding users, groups and accounts by how their name begins, for `<Combobox search=…>`; and each as something to choose.
import { api, ok, type Schemas } from '../api';
import { words } from '../i18n/words';
import type { Option } from './options';

type Search = (text: string, signal: AbortSignal) => Promise<readonly Option[]>;

/** How many are offered at once; whoever wants another types more. */
const OFFERED = 20;

export const userOption = ({ id, name, external_id: external, email }: Schemas['User']): Option => {
  const hint = [external, email].find((one) => one && one !== name);
  return { value: id, label: name, ...(hint ? { hint } : {}) };
};
export const groupOption = ({ id, name, kind }: Schemas['Group']): Option => ({
  value: id,
  label: name,
  hint: words(`group.${kind}`),
});
export const accountOption = ({ id, name, kind }: Schemas['Account']): Option => ({
  value: id,
  label: name,
  hint: words(`account.${kind}`),
});

const asked = (text: string) => ({ limit: OFFERED, ...(text === '' ? {} : { name: text }) });

/** Users whose name, external ID or e-mail address begins so. */
export const findUsers: Search = async (text, signal) => {
  const ask = async (query: { name?: string; external_id?: string; email?: string }) => {
    const page = await ok(api.GET('/v1/users', { params: { query: { ...query, limit: OFFERED } }, signal }));
    return page.users;
  };
  const found =
    text === '' ? [ask({})] : [ask({ name: text }), ask({ external_id: text }), ask({ email: text })];
  const users = new Map((await Promise.all(found)).flat().map((user) => [user.id, user]));
  return [...users.values()].slice(0, OFFERED).map(userOption);
};

/** Fleets and tags, or those of one kind. */
export const findGroups =
  (kind?: Schemas['GroupKind']): Search =>
  async (text, signal) => {
    const query = { ...asked(text), ...(kind === undefined ? {} : { kind }) };
    return (await ok(api.GET('/v1/groups', { params: { query }, signal }))).groups.map(groupOption);
  };

/** The accounts right below one, or at the top. */
export const findAccounts =
  (parent?: string): Search =>
  async (text, signal) => {
    const query = { ...asked(text), ...(parent === undefined ? {} : { parent }) };
    return (await ok(api.GET('/v1/accounts', { params: { query }, signal }))).accounts.map(accountOption);
  };
