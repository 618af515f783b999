"""Words that make a person necessary, in both languages. They hold for every bot: no configuration takes one out.

Chosen so that an ordinary question of a shop has none of them: "我要投诉" is a question with an answer, "打12315投诉你们" is not.
"""

from __future__ import annotations

SENSITIVE: dict[str, tuple[str, ...]] = {
    "self_harm": (
        "自杀", "自残", "轻生", "不想活", "活不下去", "想死", "去死算了", "跳楼", "割腕", "结束生命", "活着没意思",
        "suicide", "kill myself", "killing myself", "end my life", "self harm", "hurt myself", "want to die",
        "don't want to live", "do not want to live", "no reason to live",
    ),
    "injury": (
        "受伤", "烫伤", "烧伤", "割伤", "划伤了手", "触电", "电到我", "电伤", "着火", "起火", "爆炸", "炸了", "中毒", "食物中毒",
        "吃坏肚子", "进医院", "送医院", "住院", "急诊", "流血", "毁容", "窒息", "过敏严重", "孩子误吞",
        "injured", "injury", "got burned", "burnt my", "burned my", "electric shock", "electrocuted", "caught fire", "exploded",
        "explosion", "poisoned", "food poisoning", "in hospital", "to the hospital", "emergency room", "bleeding", "choked",
    ),
    "authorities": (
        "12315", "12345", "消协", "消费者协会", "工商局", "工商投诉", "市场监管", "市监局", "质监局", "信访", "报警", "公安",
        "派出所", "媒体曝光", "找记者", "上微博曝光", "曝光你们", "电视台", "315晚会", "网信办", "银保监", "黑猫投诉",
        "consumer association", "consumer protection agency", "trading standards", "call the police", "to the police",
        "report you to", "the regulator", "ombudsman", "go to the press", "the newspapers",
    ),
    "legal": (
        "律师", "起诉", "法院", "打官司", "告你们", "告上法庭", "律师函", "诉讼", "仲裁", "法律责任", "退一赔三", "索赔", "赔偿损失",
        "侵权", "lawyer", "attorney", "sue you", "suing", "lawsuit", "take you to court", "in court", "legal action",
        "legal notice", "solicitor", "small claims",
    ),
    "fraud": (
        "诈骗", "被骗了", "我被骗", "骗走了", "骗了我", "盗刷", "冒充你们", "钓鱼网站", "洗钱", "刷单被骗", "转账给骗子", "银行卡被盗",
        "scammed", "got scammed", "fraud", "fraudulent", "stolen card", "card was stolen", "phishing", "money laundering",
        "unauthorised payment", "unauthorized payment", "i was cheated",
    ),
    "privacy": (
        "人肉", "身份证被冒用", "冒用我的身份", "泄露隐私", "隐私被泄露", "隐私泄露", "偷拍", "个人信息保护法", "照片被泄露", "裸照",
        "data breach", "identity theft", "stole my identity", "doxxed", "leaked my", "gdpr request", "data protection officer",
    ),
}  # fmt: skip

# The customer asks for a person …
PERSON = (
    "人工", "真人", "活人", "转接", "找人", "找个人", "来个人", "换个人", "要人", "有人吗", "有人在吗", "有没有人", "找客服", "叫客服",
    "要客服", "转客服", "接客服", "联系客服", "呼叫客服", "叫*客服", "让*客服", "请*客服来", "给我*客服", "换*客服", "客服出来", "客服呢",
    "客服在吗", "客服在不在", "人呢", "跟人说话", "跟人聊", "和人说话", "不想跟机器人", "不要机器人", "别用机器人", "不是机器人的",
    "找你们*经理|主管|领导|负责人|老板", "叫你们*经理|主管|领导|负责人|老板", "让你们*经理|主管|领导|负责人|老板",
    "human|humans", "real person|real people", "live person|live agent|live chat|live support", "actual person|actual human", "a person", "an agent",
    "representative|rep|operator", "talk|speak|chat * someone|somebody|person|people|agent|staff|manager|supervisor|advisor",
    "connect|transfer|put * me * someone|agent|person|support|representative|operator|team",
    "get me * someone|somebody|person|agent|manager|human|supervisor", "anyone there", "anybody there", "is anyone here",
    "not a robot|not a bot|not a machine", "no robots|no bots|no more bots", "customer service please", "agent please", "stop * bot|robot",
)  # fmt: skip
# … but not where the word is part of one of these (made by hand; a machine that thinks; no person is wanted). Phrases only, no `*`.
NOT_PERSON = (
    "人工智能", "人工费", "人工合成", "人工皮", "人工草", "人工培育", "人工钻", "人工成本", "纯人工", "找人代付", "找人安装", "找人帮",
    "找人装", "找人取", "有没有人买", "有没有人说", "不要人工", "不用人工", "不用转人工", "不要转人工", "别转人工", "别给我转人工",
    "不需要人工", "不需要转人工", "不想转人工", "不想找人工", "不想要人工", "不必转人工", "无需人工", "无需转人工", "先不转人工",
    "不找人工", "不转人工", "不要接人工", "不要真人", "不用真人", "不需要真人", "不用找人", "不用找客服", "不要客服", "不用转接",
    "不要转接", "别转接", "不要人工客服", "不用人工客服", "不需要人工客服",
    "human hair", "no human", "no humans", "no agent", "no representative", "no need for a human|no need for a person|no need for an agent",
    "not want a human|not want a person", "not want an agent", "not need a human|not need a person", "not need an agent", "not a human problem",
    "without a human|without a person", "without an agent", "not transfer me", "not connect me", "not put me through",
    "not want to talk to|not want to speak to|not want to talk with|not want to speak with",
    "not need to talk to|not need to speak to",
)  # fmt: skip
# … or the question is when people are there, or how long it takes, not that one should come.
ABOUT_HOURS = (
    "几点|时间|上班|下班|什么时候|啥时候|多久|周末|周日|周六|节假日|半夜|凌晨|晚上|24小时|二十四小时|春节|过年|国庆|电话多少|号码",
    "what time|hours|when|opening|open|weekend|weekends|sunday|saturday|at night|24|holiday|holidays|phone number|tonight|midnight",
)
# A wish or an order makes it a request again ("when can I…" has none).
DEMAND = (
    "转人工", "我要", "给我", "叫你们", "让你们", "快", "立刻", "马上", "必须", "接人工", "找人工",
    "i want", "i need", "let me", "get me", "give me", "put me", "connect me", "transfer me", "now",
)  # fmt: skip

# Signs of being upset: an insult counts two, a complaint of the heart one; from two on a person is better.
INSULTS = (
    "傻逼", "傻b", "煞笔", "沙比", "妈的", "他妈", "tmd", "操你", "草泥马", "滚蛋", "滚开", "去死", "混蛋", "王八蛋", "狗屁", "放屁",
    "智障", "脑残", "白痴", "蠢货", "废物", "骗子公司", "垃圾公司", "垃圾平台", "垃圾客服", "黑心", "不要脸", "畜生", "nmsl", "cnm",
    "fuck|fucking|fucked", "shit|bullshit", "asshole|assholes", "bastard|bastards", "idiot|idiots", "moron|morons", "stupid bot",
    "damn you", "screw you", "piece of crap|piece of junk|piece of garbage", "go to hell", "you suck|you stink", "crooks|thieves|scammers", "wtf",
)  # fmt: skip
ANGER = (
    "气死", "烦死", "受够了", "忍无可忍", "太过分", "无语", "什么玩意", "什么破", "垃圾", "坑人", "坑爹", "骗人", "耍我", "耍人", "恶心",
    "答非所问", "听不懂人话", "没完没了", "浪费我时间", "失望透顶", "太差劲", "不负责任", "敷衍", "踢皮球", "糊弄", "再也不买",
    "ridiculous", "unacceptable", "outrageous", "furious", "angry", "fed up", "sick of this|sick of you|sick of it", "disgusting|disgusted",
    "worst", "terrible", "awful", "useless", "pathetic", "joke", "waste of time|waste of my time|wasting my time", "never again", "rip off|ripoff",
    "had enough", "how many times",
)  # fmt: skip
