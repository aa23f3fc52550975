import type { Translated } from '../../app/texts';
import type { ImageWords } from './texts';

const zh: Translated<ImageWords> = {
  crumb: '我的镜像',
  tabsLabel: '镜像详情',
  tab: {
    tags: '镜像版本',
    description: '描述',
    permissions: '权限管理',
    sharing: '共享',
    triggers: '触发器',
    retention: '镜像老化',
    immutability: '不可变版本',
    sync: '镜像同步记录',
    acceleration: '镜像加速',
    guide: 'Pull/Push指南',
  },
  public: '公开',
  private: '私有',
  tags: (n) => `${n} 个版本`,
  pulls: (n) => `下载 ${n} 次`,
  updated: '更新于',
};

export default zh;
