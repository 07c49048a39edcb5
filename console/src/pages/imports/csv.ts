// Reading the CSV that the API writes (plans and reports: UTF-8, commas, lines ended by LF) as it comes over the line.
// Libraries read whole texts, or fetch by themselves; here a record is kept as it stands until somebody looks at it.

/** Cuts text that comes in parts into records. */
export class Records {
  #rest = '';
  /** How far `#rest` was searched, and whether that is within quotes. */
  #searched = 0;
  #quoted = false;

  /** The records that end within this part, each as it stands. */
  push(part: string): string[] {
    const text = this.#rest + part;
    const records: string[] = [];
    let start = 0;
    let at = this.#searched;
    let end = text.indexOf('\n', at);
    let quote = text.indexOf('"', at);
    for (;;) {
      if (quote >= 0 && (this.#quoted || end < 0 || quote < end)) {
        this.#quoted = !this.#quoted;
        at = quote + 1;
        quote = text.indexOf('"', at);
        if (end >= 0 && end < at) end = text.indexOf('\n', at);
      } else if (end >= 0 && !this.#quoted) {
        records.push(text.slice(start, end));
        start = end + 1;
        end = text.indexOf('\n', start);
      } else break;
    }
    this.#rest = text.slice(start);
    this.#searched = this.#rest.length;
    return records;
  }

  /** The last record, if no line break ended it. */
  end(): string[] {
    return this.#rest === '' ? [] : [this.#rest];
  }
}

/** The cells of a record. */
export function cells(record: string): string[] {
  if (!record.includes('"')) return record.split(',');
  const found: string[] = [];
  for (const [, quoted, plain] of `,${record}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    found.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
  }
  return found;
}

/** A cell as it was uploaded: without the apostrophes that keep spreadsheets from running it, or a piece of it, as a formula. */
export const plain = (cell: string): string =>
  cell.replace(/^'(?='*[\t\r\n])|(^|[;\t\r\n])'(?='*(?:"|[^\S\t\r\n])*[=@+\-＝＠＋－])/g, '$1');
