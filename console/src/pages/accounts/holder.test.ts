import { expect, it } from 'vitest';
import { changes, merged } from '../../ui/merge';
import { edited, formOf, inWords, PRIVATE_PERSON, type Edited } from './holder';

const business = { ...PRIVATE_PERSON, kind: 'business', company_name: 'Fast Wheels GmbH', address: 'Am Hafen 1' };
const base = edited({ name: 'Fast Wheels', holder: business });

it('what the API leaves out of a private person is there to be filled in', () => {
  const holder = { kind: 'consumer' } as typeof PRIVATE_PERSON;
  expect(edited({ name: 'Ada', holder })).toEqual({ name: 'Ada', ...PRIVATE_PERSON });
});

it('of two versions both changes can be kept', () => {
  const theirs: Edited = { ...base, company_name: 'Faster Wheels GmbH' };
  const mine: Edited = { ...base, address: 'Kai 2' };
  expect(changes(base, theirs, mine).map(({ by }) => by)).toEqual(['theirs', 'mine']);
  const { holder } = formOf(merged(theirs, mine, { address: 'mine' }));
  expect(holder).toEqual({ ...business, company_name: 'Faster Wheels GmbH', address: 'Kai 2' });
});

it('who became a private person has nothing of a business, whoever said so', () => {
  expect(formOf({ ...base, kind: 'consumer' })).toEqual({ name: 'Fast Wheels', holder: PRIVATE_PERSON });
});

it('says every field in words', () => {
  const said = Object.keys(base).map((field) => inWords(field, base).value);
  expect(said).toEqual(['Fast Wheels', 'Business', 'Fast Wheels GmbH', '', '', 'Am Hafen 1']);
});
