// What makes up an account that is filled in: its name and its holder.
import type { Schemas } from '../../api';
import { accounts } from '../../i18n/accounts';
import { holder as t } from '../../i18n/holder';

type Holder = Schemas['AccountHolder'];

/** What a business has; a private person has none of it. */
export const BUSINESS = ['company_name', 'registration_number', 'vat_number', 'address'] as const;

/** The fields of the form, as faults name them. */
export const FIELDS = ['name', ...['kind', ...BUSINESS].map((field) => `holder.${field}`)];

/** Who a new account's form begins with. */
export const PRIVATE_PERSON: Holder = {
  kind: 'consumer',
  company_name: null,
  registration_number: null,
  vat_number: null,
  address: null,
};

/** What is edited of an account, field by field. */
export type Edited = { name: string } & Holder;

/** To fill a form in with: the API leaves out what a private person does not have. */
export const edited = ({ name, holder }: Pick<Schemas['Account'], 'name' | 'holder'>): Edited => ({
  name,
  ...PRIVATE_PERSON,
  ...holder,
});

/** As the API takes it. Who is a private person has nothing of a business, whoever filled it in. */
export function formOf({ name, ...holder }: Edited): { name: string; holder: Holder } {
  return { name, holder: holder.kind === 'business' ? holder : PRIVATE_PERSON };
}

/** A field and its value in words, for comparing versions. */
export function inWords(field: string, values: Edited): { label: string; value: string } {
  if (field === 'name') return { label: accounts('name'), value: values.name };
  if (field === 'kind') return { label: t('kind'), value: t(values.kind === 'business' ? 'business' : 'consumer') };
  const own = field as (typeof BUSINESS)[number];
  return { label: t(own), value: values[own] ?? '' };
}
