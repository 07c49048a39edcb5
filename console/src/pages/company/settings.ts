// The company's settings as one flat form, and what of it is to be sent.
import type { Schemas } from '../../api';
import { format, languageNames, locale } from '../../i18n';
import { company } from '../../i18n/company';
import { policy } from '../../i18n/policy';
import { words } from '../../i18n/words';
import { differing } from '../../ui/merge';

type Policy = Schemas['Policy'];

/** What a company that decided nothing has; as in `openapi.json`, which a test compares. */
export const defaults: Policy = {
  email_change: 'verified',
  import_mode: 'review',
  invitation_ttl_hours: 24,
  invite_on_create: 'manual',
  own_email: 'support',
  owner_demotion: 'support',
  phone: 'e164',
  required_fields: [],
  scope_kinds: ['fleet', 'tag', 'user'],
  standard_sees: 'all',
};

/** Who alone may change a field: what protects owners from each other is support's to change, whom others see the owners'. */
export const guardians: Partial<Record<keyof Policy, 'support' | 'owners'>> = {
  own_email: 'support',
  owner_demotion: 'support',
  standard_sees: 'owners',
};

export type Settings = Policy & { name: string; locale: string; currency: string } & Record<string, unknown>;

/** The lists in a fixed order: they are sets, and their order is no change. */
export const requiredFields = [
  'external_id',
  'email',
  'first_name',
  'last_name',
  'phone',
  'employee_number',
] as const satisfies readonly Schemas['RequiredField'][];
export const scopeKinds = ['fleet', 'tag', 'user'] as const satisfies readonly Schemas['ScopeKind'][];

export function settingsOf(tenant: Schemas['Tenant']): Settings {
  const { name, locale, currency, policy } = tenant;
  return {
    ...{ name, locale, currency, ...policy },
    required_fields: requiredFields.filter((field) => policy.required_fields.includes(field)),
    scope_kinds: scopeKinds.filter((kind) => policy.scope_kinds.includes(kind)),
  };
}

/** Only what differs from what is saved. */
export function changesIn(saved: Settings, form: Settings): Schemas['TenantForm'] {
  const own: Record<string, unknown> = {};
  const rules: Record<string, unknown> = {};
  for (const field of differing(saved, form)) (field in defaults ? rules : own)[field] = form[field];
  return { ...own, ...(Object.keys(rules).length > 0 ? { policy: rules as Schemas['Policy'] } : {}) };
}

/** The languages that mails are written in. */
const MAIL_LANGUAGES = ['en', 'de', 'nl', 'fr', 'es'];

const languageName = (tag: string): string =>
  (languageNames as Record<string, string>)[tag] ?? new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag;

/** Each by its own name, and the present one if it is another, such as `de-AT`. */
export const languageOptions = (present: string) =>
  [...new Set([...MAIL_LANGUAGES, present])].map((tag) => ({ value: tag, label: languageName(tag) }));

/** All currencies, by their codes. */
export function currencyOptions(present: string) {
  const names = new Intl.DisplayNames(locale.tag, { type: 'currency' });
  const codes = [...new Set([...Intl.supportedValuesOf('currency'), present])].sort();
  return codes.map((code) => ({ value: code, label: `${code} – ${names.of(code) ?? code}` }));
}

/** A setting and its value in words, for comparing versions. */
export function inWords(field: string, settings: Settings): { label: string; value: string } {
  const value = settings[field];
  switch (field) {
    case 'name':
    case 'currency':
      return { label: company(field), value: String(value) };
    case 'locale':
      return { label: company(field), value: languageName(settings.locale) };
    case 'invitation_ttl_hours':
      return { label: policy(field), value: format.number(settings.invitation_ttl_hours) };
    case 'required_fields':
      return { label: policy(field), value: listed(settings.required_fields.map((one) => words(`field.${one}`))) };
    case 'scope_kinds':
      return { label: policy(field), value: listed(settings.scope_kinds.map((one) => policy(`scope_kinds.${one}`))) };
    default: {
      const key = `${field}.${String(value)}` as 'phone.e164';
      return { label: policy(field as 'phone'), value: policy(key) };
    }
  }
}

const listed = (items: readonly string[]): string => (items.length === 0 ? '–' : format.list(items));
