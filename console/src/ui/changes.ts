// What an entry of the audit trail tells of a target, field by field and in words: before and after.
import { format, locale } from '../i18n';
import { trail, trailText } from '../i18n/trail';
import type { Texts } from '../i18n/catalogue';
import { policy } from '../i18n/policy';
import { roleName, words } from '../i18n/words';
import type { Names } from './names.svelte';

/** A value, or one of a list, and whether only this side has it. */
export interface Piece {
  text: string;
  changed: boolean;
}

export interface Change {
  /** The field as the API names it: `scope.groups`. */
  path: string;
  label: string;
  /** Lacking where the field was not there. */
  before: readonly Piece[] | undefined;
  after: readonly Piece[] | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of a target that differ, those of objects within it one by one. */
export function changesOf(target: { before?: unknown; after?: unknown }, names: Names): readonly Change[] {
  return differences('', target.before, target.after).map(({ path, before, after }) => ({
    path,
    label: labelOf(path, names),
    before: pieces(path, before, after, names),
    after: pieces(path, after, before, names),
  }));
}

/** The ids that stand in what changed: what has a name to look up. */
export function idsIn(targets: readonly { before?: unknown; after?: unknown }[]): readonly string[] {
  const written = targets.map(({ before, after }) => JSON.stringify([before, after])).join();
  return [...new Set(written.match(/\b(usr|grp|acc|rol|prd)_[0-9a-z]+/g) ?? [])].sort();
}

interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

function differences(path: string, before: unknown, after: unknown): Difference[] {
  const objects = [before, after].filter(isObject);
  // Of what is an object on one side, the other side has the fields or nothing.
  const within = objects.length > 0 && [before, after].every((side) => side === undefined || side === null || isObject(side));
  if (!within) return before === undefined && after === undefined ? [] : [{ path, before, after }];
  const fields = [...new Set(objects.flatMap(Object.keys))];
  const of = (side: unknown, field: string) => (isObject(side) ? side[field] : undefined);
  return fields.flatMap((field) =>
    differences(path === '' ? field : `${path}.${field}`, of(before, field), of(after, field)),
  );
}

function pieces(path: string, value: unknown, other: unknown, names: Names): readonly Piece[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return [{ text: textOf(path, value, names), changed: false }];
  const others = new Set(Array.isArray(other) ? other.map((one) => JSON.stringify(one)) : []);
  return value.map((one: unknown) => ({
    text: textOf(path, one, names),
    changed: others.size > 0 && !others.has(JSON.stringify(one)),
  }));
}

/** A text of a catalogue, if it has one by this key. */
const lookUp = (texts: Texts<any>, key: string): string | undefined =>
  Object.hasOwn(texts.texts.en, key) ? (texts as unknown as (key: string) => string)(key) : undefined;

/** What a field is called; one that is not known is called as the API does. */
function labelOf(path: string, names: Names): string {
  const [first = '', second = ''] = path.split('.');
  const rest = path.slice(first.length + 1);
  const name = names.get(second) ?? rest;
  if (rest !== '') {
    if (first === 'licences') return trail('field.licence', { name });
    if (first === 'devices') return trail('field.device', { name });
    if (first === 'modules') return trail('field.module', { name });
    if (first === 'policy') return lookUp(policy, rest) ?? path;
  }
  return trailText(`field.${path}`) ?? lookUp(words, `field.${path}`) ?? path;
}

/** Under which beginnings of `words` the values of a field stand. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  kind: ['kind', 'group', 'account'],
  class: ['class'],
  status: ['status'],
  state: ['import'],
  'invited.state': ['mail'],
  permissions: ['permission'],
  licences: ['licence'],
  'policy.required_fields': ['field'],
};

function wordOf(path: string, value: string): string | undefined {
  const first = path.split('.')[0] ?? '';
  const policyField = first === 'policy' ? path.slice('policy.'.length) : '';
  for (const kind of kinds[path] ?? kinds[first] ?? []) {
    const word = lookUp(words, `${kind}.${value}`);
    if (word !== undefined) return word;
  }
  if (policyField !== '') return lookUp(policy, `${policyField}.${value}`);
  return ['kind', 'holder.kind', 'of', 'format'].includes(path) || first === 'modules'
    ? trailText(`value.${value}`)
    : undefined;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const DAY = /^\d{4}-\d\d-\d\d$/;

function textOf(path: string, value: unknown, names: Names): string {
  if (typeof value === 'boolean') return value ? trail('yes') : trail('no');
  if (typeof value === 'number') return format.number(value);
  if (Array.isArray(value)) return value.map((one) => textOf(path, one, names)).join(', ');
  if (isObject(value)) {
    const fields = Object.entries(value);
    return fields.map(([field, of]) => `${labelOf(field, names)} ${textOf(field, of, names)}`).join(', ');
  }
  const text = String(value);
  if (path === 'roles') return names.get(text) ?? roleName(text);
  if (path === 'locale') return new Intl.DisplayNames(locale.tag, { type: 'language' }).of(text) ?? text;
  if (TIME.test(text)) return format.dateTime(text);
  if (DAY.test(text)) return format.date(`${text}T12:00:00`);
  return wordOf(path, text) ?? names.get(text) ?? text;
}

/** What a target is called: the user, or what the entry or the present says of the thing. */
export function targetName(
  target: { id: string; name?: string | null; before?: unknown; after?: unknown },
  names: Names,
): string | undefined {
  if (target.name) return target.name;
  for (const side of [target.after, target.before]) {
    const name = isObject(side) ? side['name'] : undefined;
    if (typeof name === 'string' && !target.id.startsWith('usr_')) return name;
  }
  return names.get(target.id);
}

/** What kind of thing an id is of: `User`, `Group`. */
export const kindOf = (id: string): string | undefined => trailText(`target.${id.split('_')[0]}`);

/** Who acted, and by what way. */
export function actorText({ kind, name }: { kind: string; name?: string | null }): string {
  const who = name ?? trail('actor.unknown');
  if (kind === 'user') return who;
  const how = trailText(`actor.${kind}`) ?? kind;
  return ['invitee', 'recipient', 'app'].includes(kind) ? `${who}, ${how}` : how;
}
