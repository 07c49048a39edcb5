// The fields of a company's policy and what they can be set to, in a few words: the settings and the audit trail say them.
import type { Schemas } from '../api';
import { catalogue } from './catalogue';

type Policy = Schemas['Policy'];

/** A field or value that the API gains is a compile error here until it has words. */
export const policy = catalogue(
  {
    email_change: 'Changing e-mail addresses',
    own_email: 'An owner’s own e-mail address',
    owner_demotion: 'Demoting owners',
    phone: 'Phone numbers',
    required_fields: 'Required of every user',
    invite_on_create: 'Inviting new users',
    invitation_ttl_hours: 'Life of an activation link, in hours',
    scope_kinds: 'What a scope may list',
    standard_sees: 'What users of class Standard see',
    import_mode: 'Files dropped for import',
    'email_change.verified': 'With confirmation',
    'email_change.immutable': 'Never, once active',
    'own_email.support': 'By support only',
    'own_email.verified': 'By the owner, with confirmation',
    'owner_demotion.support': 'By support only',
    'owner_demotion.co_owner': 'By another owner',
    'phone.e164': 'International',
    'phone.nanp10': 'North American, 10 digits',
    'phone.free': 'Anything',
    'invite_on_create.manual': 'When somebody says so',
    'invite_on_create.automatic': 'At once',
    'scope_kinds.fleet': 'Fleets',
    'scope_kinds.tag': 'Tags',
    'scope_kinds.user': 'Single users',
    'standard_sees.all': 'Everybody',
    'standard_sees.assigned': 'Only what they are assigned',
    'import_mode.review': 'Wait for a review',
    'import_mode.direct': 'Are imported at once',
  } as const satisfies Record<
    | keyof Policy
    | `email_change.${Policy['email_change']}`
    | `own_email.${Policy['own_email']}`
    | `owner_demotion.${Policy['owner_demotion']}`
    | `phone.${Policy['phone']}`
    | `invite_on_create.${Policy['invite_on_create']}`
    | `scope_kinds.${Schemas['ScopeKind']}`
    | `standard_sees.${Policy['standard_sees']}`
    | `import_mode.${Policy['import_mode']}`,
    string
  >,
  {
    email_change: 'Ändern von E-Mail-Adressen',
    own_email: 'Eigene E-Mail-Adresse eines Inhabers',
    owner_demotion: 'Herabstufen von Inhabern',
    phone: 'Telefonnummern',
    required_fields: 'Pflichtangaben jedes Benutzers',
    invite_on_create: 'Einladen neuer Benutzer',
    invitation_ttl_hours: 'Gültigkeit eines Aktivierungslinks, in Stunden',
    scope_kinds: 'Was ein Sichtbereich aufzählen darf',
    standard_sees: 'Was Benutzer der Klasse „Standard“ sehen',
    import_mode: 'Abgelegte Importdateien',
    'email_change.verified': 'Mit Bestätigung',
    'email_change.immutable': 'Nach der Aktivierung nie',
    'own_email.support': 'Nur durch den Support',
    'own_email.verified': 'Durch den Inhaber, mit Bestätigung',
    'owner_demotion.support': 'Nur durch den Support',
    'owner_demotion.co_owner': 'Durch einen anderen Inhaber',
    'phone.e164': 'International',
    'phone.nanp10': 'Nordamerikanisch, 10 Ziffern',
    'phone.free': 'Beliebig',
    'invite_on_create.manual': 'Wenn es jemand verlangt',
    'invite_on_create.automatic': 'Sofort',
    'scope_kinds.fleet': 'Flotten',
    'scope_kinds.tag': 'Schlagwörter',
    'scope_kinds.user': 'Einzelne Benutzer',
    'standard_sees.all': 'Alle',
    'standard_sees.assigned': 'Nur, was ihnen zugewiesen ist',
    'import_mode.review': 'Warten auf die Durchsicht',
    'import_mode.direct': 'Werden sofort importiert',
  },
);
