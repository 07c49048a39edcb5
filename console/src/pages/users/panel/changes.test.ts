import { expect, it } from 'vitest';
import { idsIn, rows } from './changes';

it('tells field by field what was and what is', () => {
  const before = { last_name: 'Byron', scope: { groups: ['grp_1'] }, invited: { state: 'sent' }, phone: '1' };
  const after = { last_name: 'Lovelace', scope: { groups: ['grp_1', 'grp_2'], all: true }, invited: { state: 'queued' } };
  expect(rows(before, after)).toEqual([
    { path: ['last_name'], before: 'Byron', after: 'Lovelace' },
    { path: ['scope', 'groups'], before: ['grp_1'], after: ['grp_1', 'grp_2'] },
    { path: ['scope', 'all'], before: undefined, after: true },
    { path: ['invited', 'state'], before: 'sent', after: 'queued' },
    { path: ['phone'], before: '1', after: undefined },
  ]);
  expect(rows(undefined, null)).toEqual([]);
});

it('finds the ids that have names', () => {
  const told = rows({ groups: ['grp_2b'] }, { groups: ['grp_1a', 'grp_2b'], licences: { prd_9: 'assigned' }, roles: ['auditor'] });
  expect(idsIn(told)).toEqual(['grp_1a', 'grp_2b', 'prd_9']);
});
