// What makes up an account that is filled in: its name and its holder.
import type { Schemas } from '../../api';

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

/** A holder to fill a form in with: the API leaves out what a private person does not have. */
export const filled = (holder: Holder): Holder => ({ ...PRIVATE_PERSON, ...holder });
