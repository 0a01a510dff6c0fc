export const approvals = {
  title: 'Approvals',
  description:
    'Imports of key material under dual control: one asks, another approves. The material in a request is wrapped; nobody can read it here.',
  key: 'Key',
  requestedBy: 'Asked by',
  requestedAt: 'Asked',
  expires: 'Request expires',
  materialExpires: 'Material expires',
  approve: 'Approve',
  reject: 'Reject',
  withdraw: 'Take back',
  approveFor: (keyId: string) => `Approve the import into ${keyId}`,
  rejectFor: (keyId: string) => `Reject the import into ${keyId}`,
  approveHint:
    'The material is unwrapped and becomes the material of this key, for ever if it is its first. Approve only what you have heard of from the one who asked.',
  rejectHint: 'Nothing is imported. Whoever asked can ask again while the import token is valid.',
  approved: (keyId: string) => `The material was imported into ${keyId}`,
  rejected: (keyId: string) => `The import into ${keyId} was refused`,
  notYourOwn: 'You asked for this import: a second person must approve it.',
  empty: 'Nothing waits for approval',
  emptyHint: 'Keys that were created with “importApproval” take material only once a second principal has approved it.',
}
