// An entry of the audit trail in words: what was done, by whom, and the values that changed.
import type { Schemas } from '../../../api';
import { format, t as common } from '../../../i18n';
import { user as t } from '../../../i18n/user';
import { roleName, words } from '../../../i18n/words';
import { fieldName, languageName } from '../form/say';
import type { Field } from '../form/powers';
import type { Row } from './changes';

type Key = Parameters<typeof t>[0];
type Names = ReadonlyMap<string, string>;

/** What was done; an operation that has no words yet, by its name. */
export function operationName(operation: string): string {
  const key = `op.${operation}`;
  return key in (t.texts.en ?? {}) ? t(key as Extract<Key, 'op.users.add'>) : operation;
}

export function actorName({ kind, name, id }: Schemas['AuditActor']): string {
  if (name != null) return name;
  const key = `actor.${kind}`;
  return key in t.texts.en ? t(key as Extract<Key, 'actor.support'>) : (id ?? kind);
}

const OF_USERS: readonly string[] = [
  'kind', 'external_id', 'first_name', 'last_name', 'email', 'phone', 'employee_number', 'locale', 'username',
  'class', 'roles', 'modules', 'scope', 'groups', 'account',
] satisfies Field[];

/** The name of what changed, such as "Invitation: mail" or "Licence: MileOn". */
export function placeName({ path }: Pick<Row, 'path'>, names: Names): string {
  const [top = '', ...rest] = path;
  const whole = `changed.${path.join('.')}`;
  if (whole in t.texts.en) return t(whole as Extract<Key, 'changed.invited.state'>);
  const key = `changed.${top}`;
  const first = OF_USERS.includes(top) ? fieldName(top as Field) : key in t.texts.en ? t(key as Extract<Key, 'changed.licences'>) : top;
  return [first, ...rest.map((part) => names.get(part) ?? part)].join(': ');
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** A value in words, by where it stands. */
export function valueWords(value: unknown, path: readonly string[], names: Names, roles: readonly Schemas['Role'][]): string {
  if (value == null || value === '') return common('state.none');
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  if (Array.isArray(value)) {
    return value.length === 0 ? common('state.none') : format.list(value.map((one) => valueWords(one, path, names, roles)));
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  const [top = '', next] = path;
  if (top === 'roles') return roleName(value, roles);
  if (top === 'locale') return languageName(value);
  const key = { class: 'class', kind: 'kind', licences: 'licence', invited: next === 'state' ? 'mail' : undefined }[top];
  const word = `${key}.${value}`;
  if (key !== undefined && word in words.texts.en) return words(word as 'class.owner');
  if (top === 'modules') return value === 'edit' || value === 'view' ? t(`module.${value}`) : value;
  return MOMENT.test(value) ? format.dateTime(value) : (names.get(value) ?? value);
}
