import type { settings as english } from './messages.en.ts'

export const settings: typeof english = {
  title: '设置',
  about: '关于',
  version: '版本',
  defaultRegion: '默认地域',
  licence: '许可证',
  apiDocumentation: 'API 文档',
  newTab: '在新标签页中打开',
  signIn: '此处可用的登录方式',
  on: '开启',
  off: '关闭',
  all: '服务设置',
  allHelp: '设置在主机上通过环境变量或 keyward.yaml 配置，下次启动时生效。',
  find: '查找设置',
  name: '设置项',
  value: '值',
  environment: '环境变量',
  meaning: '含义',
}
