import { expect, it } from 'vitest';
import { edited, merged, PRIVATE_PERSON } from './holder';

const business = { ...PRIVATE_PERSON, kind: 'business', company_name: 'Fast Wheels GmbH', address: 'Am Hafen 1' };
const base = { name: 'Fast Wheels', holder: business };

it('what the API leaves out of a private person is there to be filled in', () => {
  const holder = { kind: 'consumer' } as typeof PRIVATE_PERSON;
  expect(edited({ name: 'Ada', holder }).holder).toEqual(PRIVATE_PERSON);
});

it('of two versions both changes are kept, and mine where both changed the same', () => {
  const theirs = { name: 'Faster Wheels', holder: { ...business, company_name: 'Faster Wheels GmbH' } };
  const mine = { name: 'Fastest Wheels', holder: { ...business, address: 'Kai 2' } };
  expect(merged(base, theirs, mine)).toEqual({
    name: 'Fastest Wheels',
    holder: { ...business, company_name: 'Faster Wheels GmbH', address: 'Kai 2' },
  });
});

it('who became a private person has nothing of a business, whoever said so', () => {
  const person = { ...base, holder: PRIVATE_PERSON };
  expect(merged(base, person, { ...base, name: 'Mine' })).toEqual({ name: 'Mine', holder: PRIVATE_PERSON });
  expect(merged(base, { ...base, name: 'Theirs' }, person)).toEqual({ name: 'Theirs', holder: PRIVATE_PERSON });
});

it('who became a business is one as it was filled in', () => {
  const person = { name: 'Ada', holder: PRIVATE_PERSON };
  expect(merged(person, { ...person, name: 'Ada L.' }, base)).toEqual({ name: 'Fast Wheels', holder: business });
});
