import type { Translated } from '../../app/texts';
import type { ImmutabilityWords } from './texts';

const zh: Translated<ImmutabilityWords> = {
  title: '不可变版本',
  intro: '受规则保护的版本始终指向当前的内容：在规则删除之前，任何人都不能覆盖、移动或删除它。',
  titleOrganization: '所有镜像的不可变版本',
  add: '添加规则',
  empty: '所有版本都可以被覆盖和删除',
  emptyHelp: '防止发布版本被覆盖，例如保护 latest 以外的所有版本。',
  columns: { pattern: '版本', kind: '匹配方式', except: '例外', images: '镜像', on: '来源', by: '设置者', since: '生效时间' },
  kinds: { glob: '匹配式', regex: '正则表达式' },
  on: { image: '此镜像', organization: (org) => `组织 ${org}` },
  allImages: '全部',
  inherited: '组织的规则请在组织详情页修改。',
  covers: '查看受保护的版本',
  coversOf: (pattern) => `${pattern} 保护的版本`,
  dialog: {
    title: '设置不可变版本',
    pattern: '版本',
    patternHelp: '* 表示任意字符，? 表示一个字符，{a,b} 表示其中之一',
    expressionHelp: '版本的任意部分匹配即受保护；^ 和 $ 表示开头和结尾',
    kind: '匹配方式',
    except: '例外',
    exceptHelp: '不受保护的版本，匹配方式相同，可以留空',
    images: '镜像',
    imagesHelp: '镜像名称的匹配式，* 不跨越“/”，** 可以跨越；留空表示全部镜像',
    required: '必填，最多 256 个字符',
    submit: '设为不可变',
    done: '规则已生效',
  },
  preview: {
    title: '当前会保护的版本',
    wait: '填写匹配式后在此查看受保护的版本。',
    found: (n) => `${n} 个版本`,
    one: '1 个版本',
    none: '现有版本都不受保护',
    first: (n) => `前 ${n} 个：`,
    more: '版本超过 100,000 个，仅检查了其中的 100,000 个。',
  },
  remove: {
    action: (pattern) => `删除规则 ${pattern}`,
    title: '确定删除此规则？',
    goes: (pattern) => `规则 ${pattern}：仅受其保护的版本将可以被覆盖和删除`,
    stays: ['所有版本保持不变'],
    done: '规则已删除',
  },
};

export default zh;
