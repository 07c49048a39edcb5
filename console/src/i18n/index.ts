// What pages import: `t` of the common texts, the language, and formats. An area's own texts are in `i18n/<area>.ts`.
export { catalogue, type Texts } from './catalogue';
export * as format from './format';
export { codeText, explain, faultText, inShort, type Explained } from './problems';
export { languageNames, languages, locale, type Language } from './locale.svelte';
export { common as t } from './common';
