import { afterEach, expect, test } from 'vitest';
import { locale } from '../../i18n';
import { original, reason } from './reasons';

afterEach(() => locale.choose('en'));

const duplicate = { code: 'duplicate_external_id', message: 'The External ID is that of line 3 already.' };

test('in English the API says best what is wrong', () => {
  expect(reason(duplicate)).toBe(duplicate.message);
  expect(original(duplicate)).toBeUndefined();
});

test('in German the reason names line and column, and the original is kept', () => {
  locale.choose('de');
  expect(reason(duplicate)).toBe('Diese externe ID steht schon in Zeile 3.');
  const phone = { code: 'invalid_phone', message: 'Phone Number must be an international number such as +4915112345678.' };
  expect(reason(phone)).toBe('Phone Number: Das ist keine gültige Telefonnummer.');
  expect(original(phone)).toBe(phone.message);
  expect(reason({ code: 'no_invitations_left', message: 'Added, but not invited: …' })).toMatch(/^Angelegt, aber/);
  expect(reason({ code: 'of_tomorrow', message: 'Email is odd.' })).toBe('Email is odd.');
});
