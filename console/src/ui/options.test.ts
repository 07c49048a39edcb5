import { expect, it } from 'vitest';
import { fitting } from './options';

const options = [
  { value: '1', label: 'Großraum Köln' },
  { value: '2', label: 'Night shift', hint: 'fleet' },
  { value: '3', label: 'Über-Land', hint: 'tag' },
];
const found = (text: string) => fitting(options, text).map(({ value }) => value);

it('finds by the beginnings of words, whatever their case and accents', () => {
  expect(found('')).toEqual(['1', '2', '3']);
  expect(found('koln')).toEqual(['1']);
  expect(found('NIGHT fl')).toEqual(['2']);
  expect(found('uber')).toEqual(['3']);
  expect(found('land')).toEqual(['3']);
  expect(found('hift')).toEqual([]);
});
