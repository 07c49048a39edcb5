// The overview.
import { catalogue } from './catalogue';

export const overview = catalogue(
  {
    licences: 'Licences',
    used: '{used} of {seats} in use',
    left: { one: '{n} left', other: '{n} left' },
    'licences.none': 'The company has bought no apps yet.',
  },
  {
    licences: 'Lizenzen',
    used: '{used} von {seats} vergeben',
    left: { one: '{n} frei', other: '{n} frei' },
    'licences.none': 'Das Unternehmen hat noch keine Apps gekauft.',
  },
);
