import { expect, it } from 'vitest';
import schema from '../../../../openapi.json';
import { changesIn, currencyOptions, defaults, inWords, languageOptions, settingsOf } from './settings';

const tenant = { id: 'tnt_1', name: 'North', locale: 'en', currency: 'EUR', policy: defaults, version: 3 };

it('the defaults are those of the API', () => {
  const { properties } = schema.components.schemas.Policy;
  const told = Object.entries(properties).map(([field, { default: value }]) => [field, value]);
  expect(defaults).toEqual(Object.fromEntries(told));
});

it('the order of a list is no change', () => {
  const settings = settingsOf(tenant);
  expect(settings).toMatchObject({ ...defaults, name: 'North' });
  const other = settingsOf({ ...tenant, policy: { ...defaults, scope_kinds: ['user', 'fleet', 'tag'] } });
  expect(changesIn(settings, other)).toEqual({});
});

it('only what changed is sent, each where it belongs', () => {
  const settings = settingsOf(tenant);
  expect(changesIn(settings, { ...settings, name: 'South' })).toEqual({ name: 'South' });
  const rules = { phone: 'free', required_fields: ['email'] } as const;
  expect(changesIn(settings, { ...settings, ...rules, required_fields: ['email'] })).toEqual({ policy: rules });
});

it('every setting can be said in words', () => {
  const settings = settingsOf({ ...tenant, policy: { ...defaults, required_fields: ['phone', 'email'] } });
  const said = Object.fromEntries(Object.keys(settings).map((field) => [field, inWords(field, settings).value]));
  expect(said).toMatchObject({
    name: 'North',
    locale: 'English',
    currency: 'EUR',
    phone: 'International',
    required_fields: 'E-mail address and Phone number',
    invitation_ttl_hours: '24',
    standard_sees: 'Everybody',
  });
  expect(Object.values(said)).not.toContain('');
});

it('the present language and currency can be chosen, whatever they are', () => {
  expect(languageOptions('de-AT').map(({ value }) => value)).toEqual(['en', 'de', 'nl', 'fr', 'es', 'de-AT']);
  expect(currencyOptions('EUR').filter(({ value }) => value === 'EUR')).toEqual([
    { value: 'EUR', label: 'EUR – Euro' },
  ]);
});
