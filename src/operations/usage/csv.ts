/** Comma-separated values (RFC 4180): CRLF after every line; quotation marks around what would otherwise be misread. */
export function csvOf(lines: readonly (readonly string[])[]): string {
  return lines.map((fields) => `${fields.map(fieldOf).join(',')}\r\n`).join('')
}

function fieldOf(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
