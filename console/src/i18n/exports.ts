// Exports that were asked for.
import type { Schemas } from '../api';
import { catalogue } from './catalogue';

const english = {
  lead: 'Files that you asked for; owners see those of everybody. Each can be fetched for 7 days.',
  what: 'What',
  'of.users': 'Users',
  'of.audit': 'Audit trail',
  format: 'Format',
  'format.xlsx': 'Excel workbook',
  'format.csv': 'CSV',
  asked: 'Asked for',
  rows: 'Rows',
  state: 'State',
  'state.queued': 'Waiting',
  'state.running': 'Being written',
  'state.done': 'Ready',
  'state.failed': 'Failed',
  download: 'Download',
  'download.of': 'Download: {what}, {when}',
  actions: 'Download',
  'none.title': 'No exports yet',
  'none.text': 'Export users from their list, and the audit trail from its page. The files appear here.',
} as const satisfies Record<
  `of.${Schemas['ExportOf']}` | `format.${Schemas['Format']}` | `state.${Schemas['ExportState']}`,
  string
> &
  Record<string, string>;

export const exports = catalogue(english, {
  lead: 'Dateien, die Sie angefordert haben; Inhaber sehen die von allen. Jede lässt sich 7 Tage lang abholen.',
  what: 'Inhalt',
  'of.users': 'Benutzer',
  'of.audit': 'Protokoll',
  format: 'Format',
  'format.xlsx': 'Excel-Arbeitsmappe',
  'format.csv': 'CSV',
  asked: 'Angefordert',
  rows: 'Zeilen',
  state: 'Stand',
  'state.queued': 'Wartet',
  'state.running': 'Wird geschrieben',
  'state.done': 'Bereit',
  'state.failed': 'Fehlgeschlagen',
  download: 'Herunterladen',
  'download.of': 'Herunterladen: {what}, {when}',
  actions: 'Herunterladen',
  'none.title': 'Noch keine Exporte',
  'none.text': 'Exportieren Sie Benutzer aus ihrer Liste und das Protokoll von seiner Seite. Die Dateien erscheinen hier.',
});
