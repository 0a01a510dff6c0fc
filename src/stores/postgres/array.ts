/** An array as PostgreSQL writes it (manual, 8.15.2), for a parameter of type text[] or bigint[]. */
export function arrayText(values: readonly (string | number | null)[]): string {
  return `{${values.map(elementText).join(',')}}`
}

function elementText(value: string | number | null): string {
  return value === null ? 'NULL' : `"${String(value).replaceAll(/[\\"]/g, '\\$&')}"`
}
