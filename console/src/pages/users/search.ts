// Finding a group or an account by how its name begins.
import { api, ok } from '../../api';
import { words } from '../../i18n/words';
import type { Option } from '../../ui/options';

/** How many are offered; whoever wants another types more. */
const OFFERED = 20;

const query = (text: string) => ({ limit: OFFERED, ...(text === '' ? {} : { name: text }) });

export async function findGroups(text: string, signal: AbortSignal): Promise<readonly Option[]> {
  const { groups } = await ok(api.GET('/v1/groups', { params: { query: query(text) }, signal }));
  return groups.map(({ id, name, kind }) => ({ value: id, label: name, hint: words(`group.${kind}`) }));
}

export async function findAccounts(text: string, signal: AbortSignal): Promise<readonly Option[]> {
  const { accounts } = await ok(api.GET('/v1/accounts', { params: { query: query(text) }, signal }));
  return accounts.map(({ id, name }) => ({ value: id, label: name }));
}
