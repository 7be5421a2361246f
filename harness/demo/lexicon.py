"""Words of the Chinese side of the demo world. All text is our own."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.demo.families import listed

LEADS: Final = ("", "", "请问，", "你好，")
"""Openings of a question; half have none."""

SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙"
GIVEN: Final = "明华强丽芳伟军敏静杰磊洋艳勇涛娟霞平刚英"
PLACES: Final = listed("北京 上海 广州 深圳 成都 杭州 西安 南京 武汉 重庆 苏州 天津 青岛 昆明 桂林 厦门 长沙 拉萨 大连 洛阳")
TIMES: Final = listed("昨天 今天 上周 去年 春节 周末 早上 五月")
ACTIVITIES: Final = listed("参观博物馆 看望朋友 出差 旅游 开会 学习书法 品尝小吃 看京剧 爬山 拍照")

DISHES: Final = listed("饺子 烤鸭 火锅 面条 豆腐 粽子 月饼 包子 米饭 羊肉 鱼汤 汤圆 春卷 馒头 小笼包 凉皮")
ASPECTS: Final = listed("味道 口感 分量 价格 包装 卖相")
PRAISE: Final = listed("很好 非常好 特别棒 令人满意 很不错 值得推荐")
BLAME: Final = listed("很差 非常差 特别糟 令人失望 很糟糕 不值得推荐")

HEADLINES: Final = {
    "体育": (listed("国家队 女排 乒乓球队 足球队 篮球队"), listed("赢得 输掉 打平"), listed("比赛 决赛 友谊赛 半决赛")),
    "财经": (listed("银行 股市 公司 基金 证券"), listed("公布 上调 下调"), listed("利率 利润 股价 收入")),
    "美食": (listed("厨师 饭馆 餐厅 小吃店 面馆"), listed("推出 制作 展示"), listed("新菜 点心 烤鸭 火锅")),
    "天气": (listed("北方 南方 沿海 山区 高原"), listed("迎来 告别 遭遇"), listed("大雨 大风 降雪 高温")),
    "教育": (listed("学校 大学 老师 学生 校长"), listed("参加 组织 准备"), listed("考试 课程 开学 毕业典礼")),
}
"""Topic -> who, does, what."""

FAMILY_MEMBERS: Final = listed("爸爸 妈妈 爷爷 奶奶 弟弟 妹妹 我 他 她 我们")
SPELLING: Final = (
    ("{}去学校找同学", "学校", "学笑"),
    ("{}喜欢工作", "工作", "公作"),
    ("{}去看电影", "电影", "电景"),
    ("{}拜访老师", "老师", "老帅"),
    ("{}谈论天气", "天气", "天汽"),
    ("{}去借图书", "图书", "图树"),
    ("{}在听音乐", "音乐", "音月"),
    ("{}爱吃米饭", "米饭", "米饮"),
    ("{}在洗汽车", "汽车", "气车"),
    ("{}去买衣服", "衣服", "依服"),
    ("{}在修手机", "手机", "手几"),
    ("{}去菜市买鱼", "菜市", "采市"),
    ("{}去银行取钱", "银行", "艮行"),
    ("{}在公园散步", "公园", "公元"),
    ("{}去医院看病", "医院", "衣院"),
    ("{}在贴春联", "春联", "春连"),
)
"""Sentence, the word in it that is misspelt, and how."""

IDIOMS: Final = listed(
    "画蛇添足 守株待兔 亡羊补牢 井底之蛙 对牛弹琴 掩耳盗铃 刻舟求剑 狐假虎威 叶公好龙 拔苗助长 愚公移山 精卫填海 "
    "百发百中 千军万马 一心一意 三心二意 四面八方 五颜六色 七上八下 十全十美 马到成功 画龙点睛 塞翁失马 卧薪尝胆 "
    "闻鸡起舞 凿壁偷光 铁杵成针 完璧归赵 负荆请罪 破釜沉舟"
)

COLOURS: Final = dict(
    zip(listed("红色 蓝色 绿色 黄色 白色 黑色 紫色 粉色"), listed("red blue green yellow white black purple pink"), strict=True)
)
NOUNS: Final = dict(
    zip(
        listed("猫 狗 马 兔子 羊 鸭子 熊猫 苹果 香蕉 桃子 梨 书 船 门 帽子 灯 汽车 树 鞋 鸟"),
        listed("cat dog horse rabbit sheep duck panda apple banana peach pear book boat door hat lamp car tree shoe bird"),
        strict=True,
    )
)

FACTS: Final = {
    "端午节吃什么": "粽子",
    "中秋节吃什么": "月饼",
    "元宵节吃什么": "汤圆",
    "除夕北方吃什么": "饺子",
    "腊八节喝什么": "腊八粥",
    "清明节要做什么": "扫墓",
    "重阳节要做什么": "登高",
    "端午节要比什么": "赛龙舟",
    "春节门上贴什么": "春联",
    "春节长辈给什么": "压岁钱",
    "元宵节猜什么": "灯谜",
    "北京的名菜是什么": "烤鸭",
    "四川的名菜是什么": "火锅",
    "兰州的小吃是什么": "拉面",
    "天津的小吃是什么": "包子",
    "龙井茶产自哪里": "杭州",
    "普洱茶产自哪里": "云南",
    "西游记的作者是谁": "吴承恩",
    "红楼梦的作者是谁": "曹雪芹",
    "静夜思的作者是谁": "李白",
    "春望的作者是谁": "杜甫",
    "史记的作者是谁": "司马迁",
    "中国的首都是哪里": "北京",
    "中国的国宝是什么": "大熊猫",
    "中国最长的河是什么": "长江",
    "兵马俑在哪里": "西安",
    "西湖在哪里": "杭州",
    "故宫在哪里": "北京",
    "布达拉宫在哪里": "拉萨",
    "鼓浪屿在哪里": "厦门",
    "十二生肖第一是什么": "老鼠",
    "谁改进了造纸术": "蔡伦",
    "谁发明了地动仪": "张衡",
    "谁算出了密率": "祖冲之",
}

FESTIVALS: Final = listed("春节 元宵节 中秋节 端午节 国庆节 重阳节 新年 教师节")
WISHES: Final = {
    "老师": "桃李满天下",
    "奶奶": "健康长寿",
    "爷爷": "福如东海",
    "妈妈": "青春常在",
    "爸爸": "身体健康",
    "同学": "学业进步",
    "朋友": "万事如意",
    "同事": "工作顺利",
    "邻居": "阖家幸福",
    "医生": "平安喜乐",
    "妹妹": "天天开心",
    "哥哥": "前程似锦",
}

KINDS: Final = {
    "动物": listed("猫 狗 马 兔子 羊 鸭子 熊猫 鸟"),
    "水果": listed("苹果 香蕉 桃子 梨 葡萄 西瓜"),
    "植物": listed("树 竹子 荷花 梅花 牡丹 菊花"),
    "乐器": listed("古筝 二胡 琵琶 笛子 鼓 钢琴"),
}
UNSAID: Final = listed("红色的 新的 小明的 很贵的 白色的 很大的")
"""Qualities of a thing that the premises do not mention."""

TASKS: Final = {
    "泡茶": listed("烧水 放茶叶 倒水 品茶"),
    "包饺子": listed("和面 拌馅 包馅 煮熟"),
    "贴春联": listed("买春联 擦门 刷浆糊 贴上"),
    "洗衣服": listed("分类 放洗衣粉 清洗 晾干"),
    "坐火车": listed("买票 进站 检票 上车"),
    "写信": listed("铺纸 写字 装信封 寄出"),
    "炒菜": listed("洗菜 切菜 下锅 装盘"),
    "看病": listed("挂号 就诊 缴费 取药"),
    "种花": listed("挖坑 放种子 盖土 浇水"),
    "放风筝": listed("看风向 拿风筝 跑起来 放线"),
    "写书法": listed("铺宣纸 磨墨 运笔 盖印章"),
    "搬家": listed("打包 装车 运输 整理"),
    "做月饼": listed("做皮 包馅 压模 烘烤"),
    "寄快递": listed("填单 包装 称重 付款"),
}
"""Task -> its four steps in order."""

TOOLS: Final = {
    "计算器": ("算一下{n}乘{m}", "{n}加{m}是多少", "帮我算{n}减{m}"),
    "地图": ("从{p}到{q}怎么走", "{p}在哪里", "去{p}走哪条路"),
    "天气": ("{p}明天下雨吗", "{p}冷不冷", "查{p}的气温"),
    "翻译": ("把{z}译成英语", "{z}的英文", "英语里{z}怎么讲"),
    "闹钟": ("{h}点叫我起床", "提醒我{h}点开会", "{n}分钟后提醒我"),
    "音乐": ("放一首{w}曲", "我想听{w}", "播放{w}"),
    "购物": ("买{n}斤{o}", "我要下单{o}", "{o}多少钱"),
    "日历": ("{f}是哪天", "离{f}还有几天", "{f}放假几天"),
}
"""Tool -> what one asks of it. n, m number, h hour, p, q place, z noun, o fruit, w instrument, f festival."""
INSTRUMENTS: Final = listed("古筝 二胡 琵琶 笛子 钢琴")


def draw_name(rng: Random) -> str:
    """A Chinese name of two or three characters."""
    return rng.choice(SURNAMES) + rng.choice(GIVEN) + (rng.choice(GIVEN) if rng.random() < 0.6 else "")


def draw_headline(rng: Random) -> tuple[str, tuple[str, str, str], str]:
    """Its topic, the words that make it (who, does, what), and the headline of some place."""
    topic = rng.choice(list(HEADLINES))
    who, does, what = HEADLINES[topic]
    words = rng.choice(who), rng.choice(does), rng.choice(what)
    return topic, words, rng.choice(PLACES) + "".join(words)
