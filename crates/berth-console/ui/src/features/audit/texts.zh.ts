import type { Translated } from '../../app/texts';
import type { AuditWords } from './texts';

const zh: Translated<AuditWords> = {
  title: '审计日志',
  intro: '记录谁做了哪些更改、谁被拒绝，以及失败的登录。不会记录密码和密钥。',
  time: '时间',
  user: '用户',
  action: '操作',
  actionHint: '例如 create_namespace',
  resource: '对象',
  resourceHint: '例如 team/app',
  result: '结果',
  any: '全部结果',
  success: '成功',
  refused: '被拒绝',
  from: '开始时间',
  to: '结束时间',
  source: '来源地址',
  credential: '凭证',
  status: '状态码',
  code: '错误码',
  request: '请求 ID',
  details: '详情',
  detailsOf: (action) => `${action} 的详情`,
  empty: '还没有记录',
  emptyHelp: '此账号中的更改和被拒绝的操作会记录在这里。',
  export: '导出 CSV',
  exporting: (rows) => `已读取 ${rows} 条`,
  exported: (rows) => `已导出 ${rows} 条`,
  bound: (rows) => `仅导出最新的 ${rows} 条，如需更早的记录请缩小筛选范围`,
  stop: '停止',
  clear: '清除全部筛选条件',
  onlyUser: (name) => `仅看 ${name}`,
  nobody: '匿名',
};

export default zh;
