import type { approvals as english } from './messages.en.ts'

export const approvals: typeof english = {
  title: '审批',
  description: '双人控制下的密钥材料导入：一人提出，另一人批准。请求中的材料是加密的，在此无人可以读取。',
  key: '密钥',
  requestedBy: '提出人',
  requestedAt: '提出时间',
  expires: '请求过期时间',
  materialExpires: '材料过期时间',
  approve: '批准',
  reject: '拒绝',
  withdraw: '撤回',
  approveFor: (keyId) => `批准向 ${keyId} 导入`,
  rejectFor: (keyId) => `拒绝向 ${keyId} 导入`,
  approveHint: '材料将被解包并成为该密钥的材料；若是首次导入，则永久绑定。请只批准您已从提出人处获知的请求。',
  rejectHint: '不会导入任何内容。导入令牌有效期内，提出人可以再次提出。',
  approved: (keyId) => `已向 ${keyId} 导入密钥材料`,
  rejected: (keyId) => `已拒绝向 ${keyId} 导入`,
  notYourOwn: '此导入由您提出：必须由另一人批准。',
  empty: '没有等待审批的请求',
  emptyHint: '创建时启用了 importApproval 的密钥，须经第二个主体批准才会接受密钥材料。',
}
