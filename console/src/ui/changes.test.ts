import { describe, expect, it } from 'vitest';
import { changesOf, idsIn, kindOf, targetName } from './changes';

const names = new Map([
  ['prd_1', 'MileOn'],
  ['grp_1', 'Fleet North'],
  ['rol_1', 'Dispatcher'],
]);
const told = (before: unknown, after: unknown) =>
  changesOf({ before, after }, names).map(({ label, before, after }) => [
    label,
    before?.map(({ text, changed }) => (changed ? `*${text}` : text)),
    after?.map(({ text, changed }) => (changed ? `*${text}` : text)),
  ]);

describe('what changed', () => {
  it('is told in words, field by field', () => {
    expect(told({ class: 'limited', first_name: 'Ada' }, { class: 'standard', first_name: 'Augusta' })).toEqual([
      ['Class', ['Limited'], ['Standard']],
      ['First name', ['Ada'], ['Augusta']],
    ]);
  });

  it('goes into objects, whichever side has them', () => {
    expect(told({ policy: { phone: 'e164' } }, { policy: { phone: 'free' } })).toEqual([
      ['Phone numbers', ['International'], ['Anything']],
    ]);
    expect(told(undefined, { licences: { prd_1: 'assigned' }, invited: { state: 'queued' } })).toEqual([
      ['Licence: MileOn', undefined, ['Assigned']],
      ['Mail of the invitation', undefined, ['Queued']],
    ]);
    expect(told({ scope: { groups: ['grp_1'] } }, null)).toEqual([['Sees the groups', ['Fleet North'], undefined]]);
  });

  it('marks what was put into a list and what was taken out', () => {
    expect(told({ roles: ['driver', 'rol_1'] }, { roles: ['driver', 'auditor'] })).toEqual([
      ['Roles', ['Driver', '*Dispatcher'], ['Driver', '*Auditor']],
    ]);
    expect(told({ permissions: ['users.read'] }, undefined)).toEqual([['Permissions', ['See users'], undefined]]);
  });

  it('shows what it does not know as it is', () => {
    expect(told(undefined, { shoe: { size: 43 }, odd: [{ deep: true }], kind: 'ship' })).toEqual([
      ['shoe.size', undefined, ['43']],
      ['odd', undefined, ['deep Yes']],
      ['Kind', undefined, ['ship']],
    ]);
    expect(told('a', undefined)).toEqual([['', ['a'], undefined]]);
    expect(told(undefined, undefined)).toEqual([]);
  });

  it('says kinds by what they are of', () => {
    expect(told({ kind: 'fleet' }, { kind: 'tag' })).toEqual([['Kind', ['Fleet'], ['Tag']]]);
    expect(told(undefined, { kind: 'client', holder: { kind: 'business' } })).toEqual([
      ['Kind', undefined, ['Client']],
      ['Held by', undefined, ['A company']],
    ]);
  });
});

it('calls a target by its name, then by what the entry says, then by what there is', () => {
  expect(targetName({ id: 'usr_1', name: 'Ada' }, names)).toBe('Ada');
  expect(targetName({ id: 'grp_2', before: { name: 'Gone' } }, names)).toBe('Gone');
  expect(targetName({ id: 'prd_1' }, names)).toBe('MileOn');
  expect(targetName({ id: 'usr_2', before: { name: 'x' } }, names)).toBeUndefined();
  expect([kindOf('prd_1'), kindOf('xyz_1')]).toEqual(['Product', undefined]);
});

it('finds the ids that have names to look up, in values and as keys', () => {
  const before = { groups: ['grp_2b'], roles: ['auditor'] };
  const after = { groups: ['grp_1a', 'grp_2b'], licences: { prd_9: 'assigned' } };
  expect(idsIn([{ before, after }, {}])).toEqual(['grp_1a', 'grp_2b', 'prd_9']);
});
