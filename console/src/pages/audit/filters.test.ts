import { describe, expect, it } from 'vitest';
import { audit } from '../../i18n/audit';
import { operations } from '../../i18n/trail';
import { areaOf, areas, dayStart, exactOf, findOperations, localOf, momentOf, readFilter } from './filters';

it('reads from the address what can be meant', () => {
  const query = new URLSearchParams('user=usr_1&operation=users.&from=2026-03-02T08:00:00Z&to=soon&actor=&page=2');
  expect(readFilter(query)).toEqual({ user: 'usr_1', operation: 'users.', from: '2026-03-02T08:00:00Z' });
});

describe('operations', () => {
  it('each belong to an area that has words', () => {
    for (const operation of operations) expect(areas).toContain(areaOf(operation));
    for (const area of areas) expect(audit.texts.en).toHaveProperty([`area.${area}`]);
  });

  it('are found within their area, by words', () => {
    expect(findOperations('roles', '').map(({ value }) => value)).toEqual(['roles.define', 'roles.change', 'roles.delete']);
    expect(findOperations(undefined, 'role del').map(({ value }) => value)).toEqual(['roles.delete']);
    expect(findOperations('users', 'role')).toEqual([]);
  });

  it('are told from areas', () => {
    expect([areaOf('users.'), exactOf('users.')]).toEqual(['users', undefined]);
    expect([areaOf('users.email.start'), exactOf('users.email.start')]).toEqual(['users', 'users.email.start']);
    expect([areaOf(undefined), exactOf(undefined)]).toEqual([undefined, undefined]);
  });
});

it('times go to the input and back', () => {
  const moment = '2026-03-02T08:05:00.000Z';
  expect(momentOf(localOf(moment))).toBe(moment);
  expect([localOf(undefined), momentOf('')]).toEqual(['', undefined]);
  const start = new Date(dayStart(Date.parse(moment), 6));
  expect([start.getHours(), start.getMinutes()]).toEqual([0, 0]);
  expect(start.getTime()).toBeLessThan(Date.parse(moment) - 5 * 86_400_000);
});
