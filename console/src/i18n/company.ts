// The company's settings: what each of them means, and what follows from each choice. Their short names are in policy.ts.
import type { Schemas } from '../api';
import { catalogue } from './catalogue';

const english = {
  text: 'The rules by which {name} works. They count from the moment you save; what was set under earlier ones stays.',
  default: 'Default',
  changed: 'Changed',
  save: 'Save changes',
  discard: 'Discard',
  unsaved: { one: '{n} unsaved change', other: '{n} unsaved changes' },
  saved: 'The settings are saved.',
  updated: 'Last changed on {at}.',
  'by.support': 'Changed by support only.',
  'by.owners': 'Changed by owners only.',
  'section.company': 'Company',
  'section.owners': 'Addresses and owners',
  'section.data': 'What is known of users',
  'section.invitations': 'Invitations',
  'section.sight': 'Who sees whom',
  'section.imports': 'Imports',

  name: 'Name',
  'name.text': 'Mails and invitations are sent in this name.',
  locale: 'Language of mails',
  'locale.text': 'For recipients who have no language of their own. The console follows each reader.',
  currency: 'Currency',
  'currency.text': 'In which reimbursement rates are agreed from now on. Rates that are there keep theirs.',

  'email_change.text': 'How the address of somebody who is active already can change. Before activation it simply can.',
  'email_change.verified.text':
    'A code and a link go to the new address. The old one is told, stays valid until then, and can stop it.',
  'email_change.immutable.text': 'Whoever needs another address is deleted and invited anew.',
  'own_email.text': 'Whether owners can change their own address. It is the key to the whole company.',
  'own_email.support.text': 'Somebody who got hold of an owner’s session cannot take the account over.',
  'own_email.verified.text': 'Quicker, with the same confirmation as for everybody else.',
  'owner_demotion.text': 'Who takes the class Owner from an owner, suspends or deletes one. One owner is always left.',
  'owner_demotion.support.text': 'No owner can shut out another.',
  'owner_demotion.co_owner.text': 'Quicker, as long as the owners trust each other.',
  'phone.text': 'In what form numbers are taken and shown. Those that are there stay until they are next changed.',
  'phone.e164.text': 'With the country, such as +49 151 12345678. Good for any country.',
  'phone.nanp10.text': 'Such as 415 555 2671. For companies in the USA, Canada and the Caribbean only.',
  'phone.free.text': 'Up to 40 characters, unchecked: extensions and short dials work, typing errors go unnoticed.',
  'required_fields.text':
    'What has to be there before a user can be added or changed, by hand or by file. If nothing is chosen: an external ID or an e-mail address.',
  'invite_on_create.text': 'Whether adding a user, by hand or by file, invites it.',
  'invite_on_create.manual.text': 'Users can be prepared, looked through, and invited later.',
  'invite_on_create.automatic.text': 'Whoever has an e-mail address is invited when added; where adding is by hand, one can still say no.',
  'invitation_ttl_hours.text':
    'From the moment the mail was sent: 1 to 720 hours, that is up to 30 days. The shorter, the less a forwarded or stolen mail is worth. Links that were sent keep their time.',
  'invitation_ttl_hours.range': 'This must be a whole number from 1 to 720.',
  'invitation_ttl_hours.days': { one: 'That is {n} day.', other: 'That is {n} days.' },
  'standard_sees.text': 'Users of class Standard manage others. This says whom.',
  'standard_sees.all.text': 'Whoever manages users manages all of them.',
  'standard_sees.assigned.text': 'Each sees the groups and users of the own scope only. Without a scope, nobody but themselves.',
  'scope_kinds.text': 'What can be put into a user’s scope. Scopes that are there stay as they are.',
  'scope_kinds.fleet.text': 'Whoever is in the fleet, also those who join it later.',
  'scope_kinds.tag.text': 'Whoever carries the tag, also those who get it later.',
  'scope_kinds.user.text': 'Single people, vehicles and devices. Without it, sight is by groups only.',
  'scope_kinds.none': 'Nothing can be put into scopes any more.',
  'import_mode.text': 'Applies to files that your own software drops into the company’s folder. What is uploaded here always waits.',
  'import_mode.review.text': 'Somebody looks at the plan and commits it.',
  'import_mode.direct.text': 'If no row has an error. Else the import waits for a review.',
} as const satisfies Record<`${keyof Schemas['Policy']}.text`, string> & Record<string, unknown>;

export const company = catalogue(english, {
  text: 'Die Regeln, nach denen {name} arbeitet. Sie gelten ab dem Speichern; was unter früheren festgelegt wurde, bleibt.',
  default: 'Standard',
  changed: 'Geändert',
  save: 'Änderungen speichern',
  discard: 'Verwerfen',
  unsaved: { one: '{n} ungespeicherte Änderung', other: '{n} ungespeicherte Änderungen' },
  saved: 'Die Einstellungen sind gespeichert.',
  updated: 'Zuletzt geändert am {at}.',
  'by.support': 'Das ändert nur der Support.',
  'by.owners': 'Das ändern nur Inhaber.',
  'section.company': 'Unternehmen',
  'section.owners': 'Adressen und Inhaber',
  'section.data': 'Was über Benutzer bekannt ist',
  'section.invitations': 'Einladungen',
  'section.sight': 'Wer wen sieht',
  'section.imports': 'Importe',

  name: 'Name',
  'name.text': 'In diesem Namen gehen Mails und Einladungen hinaus.',
  locale: 'Sprache der Mails',
  'locale.text': 'Für Empfänger ohne eigene Sprache. Die Konsole richtet sich nach jedem Leser selbst.',
  currency: 'Währung',
  'currency.text': 'In ihr werden Erstattungssätze künftig vereinbart. Bestehende Sätze behalten ihre.',

  'email_change.text':
    'Wie sich die Adresse von jemandem ändert, der schon aktiv ist. Vor der Aktivierung geht es einfach so.',
  'email_change.verified.text':
    'Ein Code und ein Link gehen an die neue Adresse. Die alte erfährt davon, gilt bis dahin weiter und kann es verhindern.',
  'email_change.immutable.text': 'Wer eine andere Adresse braucht, wird gelöscht und neu eingeladen.',
  'own_email.text': 'Ob Inhaber ihre eigene Adresse ändern können. Sie ist der Schlüssel zum ganzen Unternehmen.',
  'own_email.support.text': 'Wer an die Sitzung eines Inhabers gelangt ist, kann das Konto nicht übernehmen.',
  'own_email.verified.text': 'Schneller, mit derselben Bestätigung wie bei allen anderen.',
  'owner_demotion.text':
    'Wer einem Inhaber seine Klasse nimmt, ihn sperrt oder löscht. Ein Inhaber bleibt immer übrig.',
  'owner_demotion.support.text': 'Kein Inhaber kann einen anderen aussperren.',
  'owner_demotion.co_owner.text': 'Schneller, solange die Inhaber einander vertrauen.',
  'phone.text':
    'In welcher Form Nummern angenommen und gezeigt werden. Vorhandene bleiben, bis sie das nächste Mal geändert werden.',
  'phone.e164.text': 'Mit dem Land, etwa +49 151 12345678. Passt für jedes Land.',
  'phone.nanp10.text': 'Etwa 415 555 2671. Nur für Unternehmen in den USA, in Kanada und der Karibik.',
  'phone.free.text':
    'Bis zu 40 Zeichen, ungeprüft: Durchwahlen und Kurzwahlen gehen, Tippfehler fallen nicht auf.',
  'required_fields.text':
    'Was da sein muss, bevor ein Benutzer angelegt oder geändert werden kann, von Hand oder per Datei. Ist nichts gewählt: eine externe ID oder eine E-Mail-Adresse.',
  'invite_on_create.text': 'Ob ein Benutzer mit dem Anlegen, von Hand oder per Datei, auch eingeladen wird.',
  'invite_on_create.manual.text': 'Benutzer lassen sich vorbereiten, durchsehen und später einladen.',
  'invite_on_create.automatic.text':
    'Wer eine E-Mail-Adresse hat, wird mit dem Anlegen eingeladen; von Hand lässt es sich noch abwählen.',
  'invitation_ttl_hours.text':
    'Ab dem Versand der Mail: 1 bis 720 Stunden, also bis zu 30 Tage. Je kürzer, desto weniger ist eine weitergeleitete oder gestohlene Mail wert. Schon verschickte Links behalten ihre Zeit.',
  'invitation_ttl_hours.range': 'Das muss eine ganze Zahl von 1 bis 720 sein.',
  'invitation_ttl_hours.days': { one: 'Das ist {n} Tag.', other: 'Das sind {n} Tage.' },
  'standard_sees.text': 'Benutzer der Klasse „Standard“ verwalten andere. Hier steht, wen.',
  'standard_sees.all.text': 'Wer Benutzer verwaltet, verwaltet alle.',
  'standard_sees.assigned.text':
    'Jeder sieht nur die Gruppen und Benutzer des eigenen Sichtbereichs. Ohne Sichtbereich nur sich selbst.',
  'scope_kinds.text': 'Was in den Sichtbereich eines Benutzers aufgenommen werden kann. Bestehende bleiben, wie sie sind.',
  'scope_kinds.fleet.text': 'Wer zur Flotte gehört, auch wer später dazukommt.',
  'scope_kinds.tag.text': 'Wer das Schlagwort trägt, auch wer es später bekommt.',
  'scope_kinds.user.text': 'Einzelne Personen, Fahrzeuge und Geräte. Ohne das richtet sich die Sicht nur nach Gruppen.',
  'scope_kinds.none': 'Dann lässt sich in Sichtbereiche nichts mehr aufnehmen.',
  'import_mode.text':
    'Gilt für Dateien, die Ihre eigene Software im Ordner des Unternehmens ablegt. Was hier hochgeladen wird, wartet immer.',
  'import_mode.review.text': 'Jemand sieht sich den Plan an und übernimmt ihn.',
  'import_mode.direct.text': 'Wenn keine Zeile einen Fehler hat. Sonst wartet der Import auf die Durchsicht.',
});
