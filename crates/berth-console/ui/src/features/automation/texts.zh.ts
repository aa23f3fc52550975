import type { Translated } from '../../app/texts';
import type { AutomationWords } from './texts';

const zh: Translated<AutomationWords> = {
  triggers: { title: '触发器', intro: '按镜像查看推送后自动执行的操作。' },
  sync: { title: '镜像同步', intro: '按镜像查看同步目标及其状态。' },
  retention: { title: '镜像老化', intro: '版本的保留时间由组织的规则或镜像自己的规则决定。' },
  immutability: { title: '不可变版本', intro: '由组织和镜像的规则决定哪些版本不能覆盖和删除。' },
  which: '查看对象',
  images: '镜像',
  organizations: '组织',
  filter: '按名称查找',
  choose: '请选择镜像',
  chooseEither: '请选择组织或镜像',
  chooseHelp: '这里会显示其规则、执行情况和记录。',
  noImages: '还没有镜像',
  noOrganizations: '还没有组织',
  more: '显示更多',
  open: (name) => `打开 ${name}`,
  dead: {
    title: '已放弃的通知',
    empty: '所有 Webhook 通知均已送达',
    trigger: '触发器',
    image: '镜像',
    tag: '版本',
    url: '地址',
    why: '原因',
    when: '最后尝试',
    again: '重新发送',
    againOf: (trigger, tag) => `重新发送 ${trigger} 的 ${tag}`,
    done: '正在重新发送',
  },
};

export default zh;
