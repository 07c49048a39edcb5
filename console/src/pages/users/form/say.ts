// A field of a draft in words, for where two versions of a user are compared and where one is shown.
import { format, locale, t as common } from '../../../i18n';
import { user as t } from '../../../i18n/user';
import { roleName, words } from '../../../i18n/words';
import type { Schemas } from '../../../api';
import type { Option } from '../../../ui/options';
import type { Draft } from './draft';
import type { Field } from './powers';

const labels = (options: readonly Option[]): string => format.list(options.map(({ label }) => label));

/** A language in the reader's words: `German (Austria)`. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([locale.tag], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** What is seen by whoever has such a scope. */
export function scopeWords({ all, groups, users }: Draft['scope']): string {
  if (all) return t('scope.everybody');
  const listed = [...groups.map(({ label }) => label), ...users.map(({ label }) => label)];
  return listed.length === 0 ? t('scope.nobody') : format.list(listed);
}

const spoken: { [F in Field]: (draft: Draft, roles: readonly Schemas['Role'][]) => string } = {
  kind: ({ kind }) => words(`kind.${kind}`),
  external_id: ({ external_id }) => external_id,
  first_name: ({ first_name }) => first_name,
  last_name: ({ last_name }) => last_name,
  email: ({ email }) => email,
  phone: ({ phone }) => phone,
  employee_number: ({ employee_number }) => employee_number,
  locale: (draft) => (draft.locale === '' ? t('locale.company') : languageName(draft.locale)),
  username: ({ username }) => username,
  class: (draft) => words(`class.${draft.class}`),
  roles: (draft, roles) => format.list(draft.roles.map((id) => roleName(id, roles))),
  modules: ({ modules }) => format.list(modules.map(({ name, right }) => `${name}: ${t(`module.${right}`)}`)),
  scope: ({ scope }) => scopeWords(scope),
  groups: ({ groups }) => labels(groups),
  account: ({ account }) => account.map(({ label }) => label).join(' › '),
};

/** A field in words; what is empty says so. */
export const say = (field: Field, draft: Draft, roles: readonly Schemas['Role'][]): string =>
  spoken[field](draft, roles) || common('state.none');

/** What a field is called. */
export function fieldName(field: Field): string {
  switch (field) {
    case 'external_id':
    case 'first_name':
    case 'last_name':
    case 'email':
    case 'phone':
    case 'employee_number':
      return words(`field.${field}`);
    default:
      return t(field);
  }
}
