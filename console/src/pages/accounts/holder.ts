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

/** What is edited of an account. */
export interface Edited {
  name: string;
  holder: Holder;
}

export const edited = ({ name, holder }: Edited): Edited => ({ name, holder: filled(holder) });

/** Mine as a change of theirs: what I changed since `base` as I made it, the rest as they have saved it. */
export function merged(base: Edited, theirs: Edited, mine: Edited): Edited {
  const pick = <T>(before: T, their: T, my: T): T => (my === before ? their : my);
  const [was, saved, typed] = [base, theirs, mine].map(({ holder }) => filled(holder)) as [Holder, Holder, Holder];
  const kind = pick(was.kind, saved.kind, typed.kind);
  if (kind === 'consumer') return { name: pick(base.name, theirs.name, mine.name), holder: PRIVATE_PERSON };
  const holder: Holder = { ...typed, kind };
  for (const field of BUSINESS) holder[field] = pick(was[field], saved[field], typed[field]);
  return { name: pick(base.name, theirs.name, mine.name), holder };
}
