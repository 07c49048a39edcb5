import { expect, it } from 'vitest';
import { sightOf } from './sight';

const scope = { all: false, groups: [], users: [] };
const standard = { class: 'standard', roles: [], scope } as const;

it('owners see everybody, whatever else is said of them', () => {
  expect(sightOf({ ...standard, class: 'owner', roles: [] }, 'assigned')).toBe('all');
});

it('the company’s own people see all, or what they are assigned to', () => {
  expect(sightOf({ ...standard, roles: [] }, 'all')).toBe('all');
  expect(sightOf({ ...standard, roles: [] }, 'assigned')).toBe('listed');
  expect(sightOf({ ...standard, roles: [], scope: { ...scope, all: true } }, 'assigned')).toBe('all');
  expect(sightOf({ ...standard, class: 'limited', roles: [] }, 'all')).toBe('listed');
});

it('a customer’s people see their account as its owners, else what is listed, never all', () => {
  const customer = { ...standard, account: 'acc_1', scope: { ...scope, all: true } };
  expect(sightOf({ ...customer, roles: ['account_owner'] }, 'all')).toBe('account');
  expect(sightOf({ ...customer, roles: [] }, 'all')).toBe('listed');
  expect(sightOf({ ...customer, class: 'limited', roles: ['account_owner'] }, 'all')).toBe('listed');
});
