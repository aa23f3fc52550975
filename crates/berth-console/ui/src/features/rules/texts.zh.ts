import type { Translated } from '../../app/texts';
import type { RulesWords } from './texts';

const zh: Translated<RulesWords> = {
  retention: '所有镜像的老化规则',
  retentionHelp: '适用于没有自己老化规则的所有镜像。多条规则适用于同一版本时，全部规则都允许删除才会删除。',
  add: '添加规则',
  empty: '所有镜像保留全部版本',
  emptyHelp: '自动清理组织内所有镜像的旧版本。',
  columns: { enabled: '启用', rule: '规则', images: '镜像', tags: '版本' },
  all: '全部',
  toggle: (rule) => `启用：${rule}`,
  edit: (rule) => `修改：${rule}`,
  remove: (rule) => `删除：${rule}`,
  needsManage: '设置组织的规则需要该组织的管理权限。',
  dialog: {
    add: '添加老化规则',
    change: '修改老化规则',
    images: '镜像',
    imagesHelp: '镜像名称的匹配式，* 不跨越“/”，** 可以跨越；留空表示全部镜像',
    tags: '规则适用的版本',
    tagsHelp: '可以使用 *、? 和 {a,b}；留空表示全部版本',
    enabled: '启用',
    save: '保存',
    deletes: (n) => `保存并立即删除 ${n} 个版本`,
    saved: '规则已保存，正在执行',
    preview: '全部规则共同的效果',
    wait: '规则填写完整后，这里会显示预览。',
    counts: (goes, stays) => `删除 ${goes} 个版本，保留 ${stays} 个`,
    page: (n) => `前 ${n} 个镜像的结果。`,
    image: '镜像',
    goes: '删除',
    stays: '保留',
    own: '使用自己的老化规则',
    nothing: '没有版本会被删除。',
  },
  removeDialog: {
    title: '确定删除此规则？',
    stays: ['现有的全部版本，其他规则允许删除的除外'],
    done: '规则已删除',
  },
};

export default zh;
