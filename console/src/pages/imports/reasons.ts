// Why a row is refused, or a file as a whole, in words.
import { codeText, locale } from '../../i18n';
import { imports } from '../../i18n/imports';
import { columns } from './columns';

interface Problem {
  code: string;
  message: string;
}

/** The reason in the reader's language. The English of the API says more than the code: which product, which line. */
export function reason({ code, message }: Problem): string {
  if (locale.language === 'en') return message || codeText(code);
  const text = inGerman(code, message);
  const column = columns.find((name) => message.startsWith(`${name} `));
  return column && text !== message ? `${column}: ${text}` : text;
}

/** What the API says, where the words above leave some of it out. */
export const original = ({ message }: Problem): string | undefined =>
  locale.language === 'en' || message === '' ? undefined : message;

function inGerman(code: string, message: string): string {
  // The user was added, so it is no refusal.
  if (code === 'no_invitations_left') return imports('notInvited');
  const line = /\bline (\d+)/.exec(message)?.[1];
  if (line !== undefined) {
    if (code === 'duplicate_external_id') return imports('duplicate.externalId', { line });
    if (code === 'duplicate_email') return imports('duplicate.email', { line });
  }
  return codeText(code, message);
}
