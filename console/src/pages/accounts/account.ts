// An account that is being made, as it is filled in.
import type { Schemas } from '../../api';
import { FIELDS, PRIVATE_PERSON } from './holder';
import { newRate, rateForm, type TypedRate } from './rates';

export interface AccountDraft {
  kind: Schemas['AccountKind'];
  name: string;
  holder: Schemas['AccountHolder'];
  withRate: boolean;
  rate: TypedRate;
}

export const blankAccount = (kind: Schemas['AccountKind'], currency: string, now: number): AccountDraft => ({
  kind,
  name: '',
  holder: PRIVATE_PERSON,
  withRate: false,
  rate: newRate(currency, now),
});

/** As the API takes it; a client is below nobody, and agrees on no rate. */
export function accountForm(
  { kind, name, holder, withRate, rate }: AccountDraft,
  parent: string | undefined,
  comma: boolean,
): Schemas['AccountForm'] {
  if (kind === 'client') return { kind, parent: null, name, holder, rate: null };
  return { kind, parent: parent ?? null, name, holder, rate: withRate ? rateForm(rate, comma) : null };
}

/** Its fields, as faults name them. */
export const ACCOUNT_FIELDS = [...FIELDS, 'kind', 'parent', 'rate.per_kwh', 'rate.currency', 'rate.from'];
