import { expect, test } from 'vitest';
import { cells, plain, Records } from './csv';

const FILE = 'Line,Outcome,Depot\n2,created,"a ""b""\nc, d"\n3,refused,\n4,created,"e"';
const RECORDS = ['Line,Outcome,Depot', '2,created,"a ""b""\nc, d"', '3,refused,', '4,created,"e"'];

test('records come out the same however the text is cut', () => {
  for (let size = 1; size <= FILE.length; size += 1) {
    const records = new Records();
    const found: string[] = [];
    for (let at = 0; at < FILE.length; at += size) found.push(...records.push(FILE.slice(at, at + size)));
    expect([...found, ...records.end()]).toEqual(RECORDS);
  }
});

test('nothing is left over behind a last line break', () => {
  const records = new Records();
  expect(records.push('a\n"b\n"\n')).toEqual(['a', '"b\n"']);
  expect(records.end()).toEqual([]);
});

test('cells may hold quotes, commas and line breaks', () => {
  expect(cells('2,,"a ""b""\nc, d",')).toEqual(['2', '', 'a "b"\nc, d', '']);
  expect(cells('"",x,""')).toEqual(['', 'x', '']);
  expect(cells(',"a"')).toEqual(['', 'a']);
  expect(cells('a,b')).toEqual(['a', 'b']);
  expect(cells('')).toEqual(['']);
});

test('a cell shows what was uploaded', () => {
  expect(plain("'=T-1")).toBe('=T-1');
  expect(plain("' =T-1")).toBe(' =T-1');
  expect(plain("x;'=1\n' @2;''\"=3")).toBe('x;=1\n @2;\'"=3');
  expect(plain("'\t'=1")).toBe('\t=1');
  expect(plain("a;'tis")).toBe("a;'tis");
  expect(plain("O'Neill")).toBe("O'Neill");
  expect(plain("'quoted'")).toBe("'quoted'");
});
