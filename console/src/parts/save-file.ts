/** Hands bytes to the browser to be saved as a file. */
export function saveFile(
  name: string,
  content: Uint8Array<ArrayBuffer> | string,
  type = 'application/octet-stream',
): void {
  const address = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  URL.revokeObjectURL(address)
}
