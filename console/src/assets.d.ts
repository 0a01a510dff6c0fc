/** Files that the build gives an address. */
declare module '*.svg' {
  const address: string
  // biome-ignore lint/style/noDefaultExport: that is how Vite hands out an address
  export default address
}
declare module '*.css'
