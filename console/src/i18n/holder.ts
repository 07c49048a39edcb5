// Who stands behind a customer's account.
import { catalogue } from './catalogue';

export const holder = catalogue(
  {
    kind: 'Who stands behind it',
    business: 'Business',
    'business.hint': 'A company that is registered and has a VAT number',
    consumer: 'Private person',
    'consumer.hint': 'Nothing further is needed',
    company_name: 'Company name',
    registration_number: 'Registration number',
    'registration_number.hint': 'As in the commercial register, such as HRB 12345',
    vat_number: 'VAT number',
    'vat_number.hint': 'With the country’s prefix, such as DE123456789',
    address: 'Address',
    'address.hint': 'In one line: street, postcode and town, country',
  },
  {
    kind: 'Wer dahinter steht',
    business: 'Unternehmen',
    'business.hint': 'Eine eingetragene Firma mit Umsatzsteuer-ID',
    consumer: 'Privatperson',
    'consumer.hint': 'Weitere Angaben sind nicht nötig',
    company_name: 'Firma',
    registration_number: 'Registernummer',
    'registration_number.hint': 'Wie im Handelsregister, etwa HRB 12345',
    vat_number: 'Umsatzsteuer-ID',
    'vat_number.hint': 'Mit dem Kürzel des Landes, etwa DE123456789',
    address: 'Anschrift',
    'address.hint': 'In einer Zeile: Straße, Postleitzahl und Ort, Land',
  },
);
