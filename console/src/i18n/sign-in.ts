// Signing in, and asking for a new password.
import { catalogue } from './catalogue';

export const signIn = catalogue(
  {
    title: 'Sign in',
    login: 'E-mail address or username',
    password: 'Password',
    forgotten: 'Forgotten?',
    submit: 'Sign in',
    lost: 'You were signed out. Sign in again to go on.',
    wait: 'Too many attempts. You can try again in {wait}.',
    'choose.title': 'Choose a company',
    'choose.text': 'You are a member of several. You can switch later.',
    'choose.back': 'Sign in as somebody else',
    'ask.title': 'Forgotten your password?',
    'ask.text': 'We send you a link by which you choose a new one.',
    'ask.submit': 'Send me a link',
    'ask.back': 'Back to signing in',
    'asked.title': 'Look into your inbox',
    'asked.text':
      'If somebody signs in by this name, a mail is on its way. Its link is good for an hour, and for one use.',
    'asked.none': 'Nothing there? Look among the junk mail, or ask again in a few minutes.',
  },
  {
    title: 'Anmelden',
    login: 'E-Mail-Adresse oder Benutzername',
    password: 'Passwort',
    forgotten: 'Vergessen?',
    submit: 'Anmelden',
    lost: 'Sie wurden abgemeldet. Melden Sie sich wieder an, um fortzufahren.',
    wait: 'Zu viele Versuche. In {wait} können Sie es wieder versuchen.',
    'choose.title': 'Unternehmen wählen',
    'choose.text': 'Sie gehören zu mehreren. Sie können später wechseln.',
    'choose.back': 'Als jemand anders anmelden',
    'ask.title': 'Passwort vergessen?',
    'ask.text': 'Wir schicken Ihnen einen Link, über den Sie ein neues wählen.',
    'ask.submit': 'Link schicken',
    'ask.back': 'Zurück zur Anmeldung',
    'asked.title': 'Sehen Sie in Ihr Postfach',
    'asked.text':
      'Falls sich jemand mit diesem Namen anmeldet, ist eine Mail unterwegs. Ihr Link gilt eine Stunde und einmal.',
    'asked.none': 'Nichts da? Sehen Sie im Spam nach, oder fragen Sie in ein paar Minuten noch einmal.',
  },
);
