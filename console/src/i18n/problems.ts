// What goes wrong, in words: every problem code of the API, and the faults of fields.
import { ApiError, Unreachable, type Code, type FieldFault } from '../api/http';
import { catalogue } from './catalogue';
import { common } from './common';
import { duration } from './format';
import { locale } from './locale.svelte';

/** A new code of the API is a compile error here until it has words. */
const english = {
  malformed_request: 'This request cannot be read.',
  unauthenticated: 'You were signed out. Sign in again to go on.',
  wrong_credentials: 'The name or the password is wrong.',
  forbidden: 'You do not have the permission for this.',
  not_found: 'This does not exist, or you may not see it.',
  method_not_allowed: 'This cannot be done here.',
  request_in_progress: 'The same request is still being carried out. Wait a moment.',
  import_not_ready: 'The import cannot be committed in its state.',
  import_not_cancellable: 'The import cannot be cancelled any more.',
  built_in_role: 'A built-in role cannot be changed or deleted.',
  code_used: 'Another device has activated this licence.',
  link_expired: 'The link’s time is over.',
  link_used: 'The link has been used.',
  link_replaced: 'A newer link was sent; only the newest works.',
  link_revoked: 'What the link was for was withdrawn.',
  precondition_failed: 'Somebody else has changed it meanwhile.',
  too_large: 'This is too large.',
  invalid_fields: 'Something in the form needs another look.',
  idempotency_key_reused: 'This was sent before with other content.',
  precondition_required: 'The version that is to be changed is missing.',
  too_many_requests: 'That was too often. Try again later.',
  internal: 'Something is broken on our side. Try again in a moment.',
  user_not_found: 'There is no such user.',
  product_not_found: 'There is no such product.',
  user_deleted: 'The user is deleted.',
  user_suspended: 'The user is suspended.',
  email_taken: 'Another user has this e-mail address.',
  external_id_taken: 'Another user has this external ID.',
  username_taken: 'This username is taken.',
  no_seats_left: 'No licences are left of this product.',
  no_email: 'The user has no e-mail address to send an invitation to.',
  already_active: 'The user has activated already.',
  not_invited: 'The user has not been invited yet.',
  beyond_your_rights: 'This goes beyond your own rights.',
  email_needs_confirmation: 'The e-mail address of an active user changes by confirmation only.',
  not_yourself: 'You cannot do this to yourself. Ask another administrator.',
  owner_protected: 'An owner is demoted, suspended or deleted by support only.',
  last_owner: 'The company would be left without an active owner.',
  owners_one_by_one: 'Owners are changed one by one, not by a file.',
  not_suspended: 'The user is not suspended.',
  not_deleted: 'The user is not deleted.',
  name_taken: 'This name is taken.',
  too_many_groups: 'The user is in 40 groups already.',
  too_many_roles: 'The company has 100 roles of its own already.',
  own_email_by_support: 'An owner’s own e-mail address is changed by support.',
  busy: 'Others were changing it at the same time. Try again.',
  too_many_invitations: 'The user has got as many invitations within a day as anybody may get. Try again tomorrow.',
  no_invitations_left: 'The company has sent all the invitations that it may send today. Try again tomorrow.',
  email_immutable: 'The company’s policy fixes the e-mail address of an active user.',
  not_active: 'The person has not activated yet.',
  person_shared: 'The person signs in to other companies by this username. Ask support to change it.',
  too_late_to_restore: 'The user was deleted 30 days ago or more and cannot be restored.',
  account_not_found: 'There is no such account.',
  account_not_empty: 'There are users or sub-accounts in the account.',
  account_name_taken: 'Another account at this place has this name.',
} as const satisfies Record<Code, string>;

const problems = catalogue(english, {
  malformed_request: 'Diese Anfrage ist nicht lesbar.',
  unauthenticated: 'Sie wurden abgemeldet. Melden Sie sich wieder an, um fortzufahren.',
  wrong_credentials: 'Der Name oder das Passwort stimmt nicht.',
  forbidden: 'Dazu haben Sie keine Berechtigung.',
  not_found: 'Das gibt es nicht, oder Sie dürfen es nicht sehen.',
  method_not_allowed: 'Das geht hier nicht.',
  request_in_progress: 'Dieselbe Anfrage läuft noch. Warten Sie einen Moment.',
  import_not_ready: 'Der Import kann in diesem Zustand nicht übernommen werden.',
  import_not_cancellable: 'Der Import kann nicht mehr abgebrochen werden.',
  built_in_role: 'Eine eingebaute Rolle kann nicht geändert oder gelöscht werden.',
  code_used: 'Ein anderes Gerät hat diese Lizenz aktiviert.',
  link_expired: 'Der Link ist abgelaufen.',
  link_used: 'Der Link wurde schon benutzt.',
  link_replaced: 'Es wurde ein neuerer Link verschickt; nur der neueste gilt.',
  link_revoked: 'Wofür der Link war, wurde zurückgezogen.',
  precondition_failed: 'Jemand anders hat es inzwischen geändert.',
  too_large: 'Das ist zu groß.',
  invalid_fields: 'Im Formular stimmt noch etwas nicht.',
  idempotency_key_reused: 'Das wurde schon einmal mit anderem Inhalt gesendet.',
  precondition_required: 'Es fehlt die Version, die geändert werden soll.',
  too_many_requests: 'Das war zu oft. Versuchen Sie es später noch einmal.',
  internal: 'Bei uns ist etwas kaputt. Versuchen Sie es gleich noch einmal.',
  user_not_found: 'Diesen Benutzer gibt es nicht.',
  product_not_found: 'Dieses Produkt gibt es nicht.',
  user_deleted: 'Der Benutzer ist gelöscht.',
  user_suspended: 'Der Benutzer ist gesperrt.',
  email_taken: 'Ein anderer Benutzer hat diese E-Mail-Adresse.',
  external_id_taken: 'Ein anderer Benutzer hat diese externe ID.',
  username_taken: 'Dieser Benutzername ist vergeben.',
  no_seats_left: 'Von diesem Produkt sind keine Lizenzen mehr frei.',
  no_email: 'Der Benutzer hat keine E-Mail-Adresse, an die eine Einladung gehen könnte.',
  already_active: 'Der Benutzer ist schon aktiv.',
  not_invited: 'Der Benutzer wurde noch nicht eingeladen.',
  beyond_your_rights: 'Das geht über Ihre eigenen Rechte hinaus.',
  email_needs_confirmation: 'Die E-Mail-Adresse eines aktiven Benutzers ändert sich nur mit Bestätigung.',
  not_yourself: 'Mit sich selbst können Sie das nicht tun. Fragen Sie einen anderen Administrator.',
  owner_protected: 'Einen Inhaber kann nur der Support herabstufen, sperren oder löschen.',
  last_owner: 'Das Unternehmen hätte dann keinen aktiven Inhaber mehr.',
  owners_one_by_one: 'Inhaber werden einzeln geändert, nicht durch eine Datei.',
  not_suspended: 'Der Benutzer ist nicht gesperrt.',
  not_deleted: 'Der Benutzer ist nicht gelöscht.',
  name_taken: 'Dieser Name ist vergeben.',
  too_many_groups: 'Der Benutzer ist schon in 40 Gruppen.',
  too_many_roles: 'Das Unternehmen hat schon 100 eigene Rollen.',
  own_email_by_support: 'Die eigene E-Mail-Adresse eines Inhabers ändert der Support.',
  busy: 'Andere haben es gleichzeitig geändert. Versuchen Sie es noch einmal.',
  too_many_invitations:
    'Der Benutzer hat heute so viele Einladungen bekommen, wie man bekommen darf. Versuchen Sie es morgen noch einmal.',
  no_invitations_left:
    'Das Unternehmen hat heute alle Einladungen verschickt, die es verschicken darf. Versuchen Sie es morgen noch einmal.',
  email_immutable: 'Das Unternehmen hat festgelegt, dass sich die E-Mail-Adresse eines aktiven Benutzers nicht ändert.',
  not_active: 'Die Person ist noch nicht aktiv.',
  person_shared:
    'Die Person meldet sich mit diesem Benutzernamen auch bei anderen Unternehmen an. Der Support kann ihn ändern.',
  too_late_to_restore: 'Der Benutzer wurde vor 30 Tagen oder früher gelöscht und lässt sich nicht wiederherstellen.',
  account_not_found: 'Dieses Konto gibt es nicht.',
  account_not_empty: 'In dem Konto sind noch Benutzer oder Unterkonten.',
  account_name_taken: 'Ein anderes Konto an dieser Stelle heißt schon so.',
});

/** German for the faults of fields, whose English the API gives itself. The English here is for what it leaves vague. */
const germanFaults: Record<string, string> = {
  ambiguous_name: 'Mehrere heißen so. Geben Sie die ID an.',
  changed_since_plan: 'Der Benutzer wurde nach dem Plan geändert. Importieren Sie die Zeile noch einmal.',
  by_owners: 'Das ändern nur Inhaber.',
  by_support: 'Das ändert nur der Support.',
  class_without_roles: 'Rollen gehören nur zur Klasse „Standard“.',
  control_character: 'Zeilenumbrüche und Steuerzeichen sind nicht erlaubt.',
  duplicate_column: 'Die Kopfzeile nennt eine Spalte mehrmals.',
  duplicate_email: 'Diese E-Mail-Adresse steht schon in einer früheren Zeile.',
  duplicate_external_id: 'Diese externe ID steht schon in einer früheren Zeile.',
  empty_file: 'Die Datei ist leer.',
  in_the_past: 'Das muss heute oder später sein.',
  invalid_code: 'Das ist kein solcher Code.',
  invalid_currency: 'Das ist keine Währung wie EUR.',
  invalid_date: 'Das muss ein Tag sein wie 2026-03-02.',
  invalid_decimal: 'Das muss eine Dezimalzahl sein wie 0.25.',
  invalid_email: 'Das ist keine E-Mail-Adresse.',
  invalid_encoding: 'Einige Zeichen sind in der Kodierung der Datei nicht lesbar. Speichern Sie die Datei als UTF-8.',
  invalid_id: 'Das ist keine solche ID.',
  invalid_link: 'Das ist keine Web-Adresse.',
  invalid_locale: 'Das ist keine Sprache wie de oder en-GB.',
  invalid_module: 'So kann ein Modul nicht heißen.',
  invalid_phone: 'Das ist keine gültige Telefonnummer.',
  invalid_time: 'Das ist kein Zeitpunkt.',
  invalid_token: 'Das ist kein gültiger Link.',
  invalid_username: 'Ein Benutzername besteht aus Buchstaben, Ziffern und . _ - +',
  invalid_value: 'Dieser Wert passt hier nicht.',
  invalid_vat_number: 'Das ist keine gültige Umsatzsteuer-ID.',
  missing_external_id: 'In der Kopfzeile fehlt die Spalte „External ID“. Spalten trennt ein Komma, ein Semikolon oder ein Tabulator.',
  no_header: 'Die erste Zeile enthält Daten, muss aber die Spalten nennen, zum Beispiel: External ID,Email,First Name,Last Name.',
  no_sub_accounts: 'Das ist das Konto eines Mitarbeiters; Unterkonten hat es nicht.',
  not_applicable: 'Das passt hier nicht dazu.',
  not_confirmed: 'Das stimmt nicht überein.',
  not_csv: 'Das ist keine CSV-Datei. Eine Arbeitsmappe speichern Sie in Ihrer Tabellenkalkulation als „CSV UTF-8“.',
  not_for_client: 'Das gibt es nur bei Unterkonten.',
  not_for_consumer: 'Das gibt es nur bei Unternehmen.',
  nul_character: 'Die Zeile enthält ein NUL-Zeichen.',
  out_of_range: 'Das liegt außerhalb des Erlaubten.',
  out_of_reach: 'Das liegt außerhalb Ihrer Reichweite.',
  owner_in_account: 'Ein Inhaber des Unternehmens gehört zu keinem Kundenkonto.',
  rate_in_force: 'Der Satz dieses Tages gilt schon. Wählen Sie einen späteren Tag.',
  record_too_large: 'Eine Zeile ist zu groß: Erlaubt sind höchstens 1 MB und 1.024 Zellen.',
  required: 'Bitte ausfüllen.',
  seats_in_use: 'So viele Plätze sind schon vergeben.',
  spreadsheet_damage:
    'Eine Tabellenkalkulation hat den Wert beschädigt. Formatieren Sie die Spalte als Text und geben Sie ihn neu ein.',
  too_deep: 'Das ist zu tief verschachtelt.',
  too_long: 'Das ist zu lang.',
  too_many_duplicates:
    'Mehr als eine Million Mal steht eine externe ID oder E-Mail-Adresse schon in einer früheren Zeile. Geben Sie jeder Person eine eigene.',
  too_many_fields: 'Die Zeile hat mehr Zellen als die Kopfzeile Spalten.',
  too_many: 'Das sind zu viele.',
  too_short: 'Das ist zu kurz.',
  unclosed_quote: 'Ein Anführungszeichen wird nie geschlossen.',
  unchanged: 'Das ist schon so.',
  unknown_account: 'Dieses Konto gibt es nicht.',
  unknown_class: 'Diese Klasse gibt es nicht.',
  unknown_group: 'Diese Gruppe gibt es nicht.',
  unknown_kind: 'Diese Art gibt es nicht.',
  unknown_permission: 'Diese Berechtigung gibt es nicht.',
  unknown_role: 'Diese Rolle gibt es nicht.',
  unknown_user: 'Diesen Benutzer gibt es nicht.',
  weak_password: 'Das ist zu leicht zu erraten. Nehmen Sie ein, zwei Wörter dazu.',
  wrong_code: 'Das ist nicht der Code aus der neuesten Mail.',
};

/** A problem code of the API in words; also for outcomes of bulk operations and rows of imports. */
export function codeText(code: string, detail = ''): string {
  if (code in english) return problems(code as Code);
  return locale.language === 'de' ? (germanFaults[code] ?? detail) : sentence(detail);
}

/** What is wrong with one field. */
export function faultText(fault: FieldFault): string {
  if (locale.language === 'de') {
    if (fault.code in english) return problems(fault.code as Code);
    const german = germanFaults[fault.code];
    if (german !== undefined) return german;
  }
  return sentence(fault.message);
}

/** `is required` as a sentence: `This is required.` */
function sentence(message: string): string {
  if (/^(is|are|must|has|have|cannot|names?|was|does|needs?|or|and|may)\b/.test(message)) {
    return `This ${message.replace(/[.\s]+$/, '')}.`;
  }
  return message;
}

/** What went wrong: a heading, and what to do about it. */
export interface Explained {
  title: string;
  text: string;
  /** Whether trying again may help. */
  retry: boolean;
}

/** Any error in words; what is no expected one is a fault of ours. */
export function explain(error: unknown): Explained {
  const t = common;
  if (error instanceof Unreachable) {
    return { title: t('error.offline.title'), text: error.timedOut ? t('error.timeout') : t('error.offline'), retry: true };
  }
  if (!(error instanceof ApiError)) {
    return { title: t('error.internal.title'), text: t('error.internal'), retry: true };
  }
  if (error.retryAfter !== undefined && error.status === 429) {
    const text = t('error.tooMany', { wait: duration(error.retryAfter) });
    return { title: t('error.tooMany.title'), text, retry: true };
  }
  switch (error.code) {
    case 'forbidden':
      return { title: t('error.forbidden.title'), text: t('error.forbidden'), retry: false };
    case 'not_found':
      return { title: t('error.notFound.title'), text: t('error.notFound'), retry: false };
    case 'internal':
      return { title: t('error.internal.title'), text: t('error.internal'), retry: true };
    case 'precondition_failed':
      return { title: t('error.conflict.title'), text: problems(error.code), retry: true };
    default:
      return { title: t('error.title'), text: codeText(error.code, error.message), retry: error.status >= 500 };
  }
}

/** An error as one sentence, for beside a button or in a toast. */
export const inShort = (error: unknown): string => explain(error).text;
