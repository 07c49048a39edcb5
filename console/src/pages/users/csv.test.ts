import { expect, it } from 'vitest';
import { csv } from './csv';

it('quotes what needs it, and lets nothing run', () => {
  expect(csv([['a', 'b, "c"'], ['=1+1', 'd\ne']])).toBe('a,"b, ""c"""\r\n\'=1+1,"d\ne"\r\n');
  expect(csv([["x;=1+1", '\t=1', 'a; "=2', 'b; c']])).toBe('x;\'=1+1,\'\t\'=1,"a;\' ""=2",b; c\r\n');
});
