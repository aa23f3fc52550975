import type { Translated } from '../../app/texts';
import type { QuotaWords } from './texts';

const zh: Translated<QuotaWords> = {
  title: '配额',
  help: '调低配额不影响已有内容，超出配额的新内容将被拒绝。',
  names: { namespace: '您创建的组织', repository: '账号的镜像', tag: '单个镜像的版本', storage: '账号的存储空间' },
  limits: {
    namespace: '每个用户可创建的组织数量',
    repository: '账号的镜像数量',
    tag: '单个镜像的版本数量',
    bytes: '账号的存储空间',
  },
  of: (used, limit) => `${used} / ${limit}`,
  change: '修改',
  changeAccount: '账号的配额',
  emptyIsNone: '留空表示按服务器设置，或不限',
  operatorOnly: '由运营账号的管理员设置。',
  unit: '单位',
  whole: '请输入不小于 0 的数字',
  changed: '配额已修改',
};

export default zh;
