import { expect, it } from 'vitest';
import { accountForm, blankAccount } from './account';

const blank = blankAccount('employee', 'EUR', Date.parse('2026-03-02T12:00:00Z'));

it('a client has neither somebody above it nor a rate, whatever was filled in before', () => {
  const rate = { amount: '0,30', currency: 'EUR', from: '2026-04-01' };
  expect(accountForm({ ...blank, kind: 'client', withRate: true, rate }, 'acc_1', false)).toMatchObject({ parent: null, rate: null });
  const { parent, rate: sent } = accountForm({ ...blank, withRate: true, rate }, 'acc_1', false);
  expect([parent, sent]).toEqual(['acc_1', { per_kwh: '0.30', currency: 'EUR', from: '2026-04-01' }]);
});

it('a rate is agreed on only if that is wanted', () => {
  expect(accountForm(blank, 'acc_1', false).rate).toBeNull();
});
