// Choosing a password.
import { catalogue } from './catalogue';

export const password = catalogue(
  {
    hint: 'At least 10 characters; a few unrelated words are good.',
    strength: 'Strength',
    short: { one: '{n} more character', other: '{n} more characters' },
    long: 'That is longer than 128 characters.',
    weak: 'Too easy to guess',
    fair: 'Still easy to guess: add a word or two',
    good: 'Good',
    strong: 'Very good',
  },
  {
    hint: 'Mindestens 10 Zeichen; ein paar Wörter, die nichts miteinander zu tun haben, sind gut.',
    strength: 'Stärke',
    short: { one: 'noch {n} Zeichen', other: 'noch {n} Zeichen' },
    long: 'Das ist länger als 128 Zeichen.',
    weak: 'Zu leicht zu erraten',
    fair: 'Noch leicht zu erraten: Nehmen Sie ein, zwei Wörter dazu',
    good: 'Gut',
    strong: 'Sehr gut',
  },
);
