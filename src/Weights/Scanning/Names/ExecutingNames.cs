using System.Collections.Frozen;

namespace Weights.Scanning.Names;

/// <summary>
/// What runs code, starts processes, touches files or the network, or reaches what does. The list only tells "executes code" from
/// "unknown": neither is ever clean, so that what is missing here does no harm.
/// </summary>
internal static class ExecutingNames
{
    // Everything in these modules and below them.
    private const string Modules =
        // The system and its processes.
        "os posix nt posixpath ntpath sys subprocess _posixsubprocess commands popen2 pty tty fcntl signal resource _winapi winreg msvcrt multiprocessing " +
        "concurrent threading _thread asyncio sched ctypes _ctypes cffi mmap select selectors pexpect plumbum sh psutil " +
        // Files.
        "io _io _pyio codecs fileinput shutil tempfile glob zipfile tarfile gzip bz2 lzma dbm shelve sqlite3 _sqlite3 linecache logging netrc mailbox " +
        // The network.
        "socket _socket socketserver ssl http httplib urllib urllib2 urllib3 requests httpx aiohttp ftplib smtplib poplib imaplib nntplib telnetlib xmlrpc webbrowser " +
        "wsgiref cgi antigravity paramiko fabric boto3 " +
        // Code and what imports it.
        "importlib _frozen_importlib _frozen_importlib_external imp runpy pkgutil zipimport code.interact code.InteractiveConsole code.InteractiveInterpreter code.compile_command codeop marshal dis bdb pdb doctest unittest test.support timeit trace cProfile profile pstats " +
        "types.CodeType types.FunctionType types.LambdaType types.ModuleType types.MethodType ast compileall py_compile site sitecustomize ensurepip pip venv pydoc " +
        "idlelib lib2to3 distutils setuptools pkg_resources _pyrepl rlcompleter IPython cython pyximport _aix_support _osx_support aixsupport tkinter turtledemo " +
        // Pickles within pickles.
        "pickle cPickle _pickle dill cloudpickle joblib.load joblib.numpy_pickle pandas.read_pickle pandas.eval pandas.io.pickle shelve jsonpickle yaml " +
        "torch.load torch.hub torch.package torch.serialization.load torch.jit.load torch.jit._serialization torch.jit.unsupported_tensor_ops torch.fx torch.utils.cpp_extension " +
        "torch.utils.collect_env torch.utils._config_module torch.utils.bottleneck torch.utils.model_zoo torch.utils.data.datapipes torch.utils.model_dump torch.ops.load_library torch.classes.load_library " +
        "torch._dynamo.guards torch._dynamo.debug_utils torch._dynamo.repro torch._dynamo.backends torch._dynamo.config torch._dynamo.testing torch._inductor torch.multiprocessing torch.distributed.run torch.distributed.launch torch.distributed.rpc torch.distributed.elastic torch.testing " +
        "torch.save torch.from_file torch.export torch._export torch.onnx torch.compile torch.cuda.memory torch.library numpy.load numpy.save numpy.fromfile " +
        "numpy.testing numpy.f2py numpy.distutils numpy.lib.npyio numpy.lib.format numpy.ctypeslib numpy.memmap numpy.core.memmap numpy.loadtxt numpy.genfromtxt numpy.savetxt " +
        "numpy.DataSource numpy.fromregex numpy.savez numpy.savez_compressed numpy.vectorize numpy.apply_along_axis numpy.frompyfunc numpy.piecewise " +
        "scipy.io tensorflow.io tensorflow.keras.models.load_model keras.models.load_model keras.layers.Lambda transformers.pipeline";

    // Functions that call, import or change what they are handed.
    private const string Functions =
        "builtins.eval builtins.exec builtins.execfile builtins.compile builtins.__import__ builtins.open builtins.input builtins.breakpoint builtins.globals builtins.locals " +
        "builtins.vars builtins.dir builtins.setattr builtins.delattr builtins.apply builtins.map builtins.filter builtins.reload builtins.exit builtins.quit builtins.help " +
        "builtins.print builtins.file builtins.reduce " +
        "builtins.sorted builtins.min builtins.max builtins.iter builtins.next builtins.__build_class__ builtins.raw_input " +
        "operator.attrgetter operator.methodcaller operator.call operator.setitem operator.delitem operator.iadd " +
        "_operator.attrgetter _operator.methodcaller _operator.call _operator.setitem _operator.delitem " +
        "functools.reduce functools.partialmethod functools.wraps functools.update_wrapper functools.singledispatch functools.cached_property functools.cmp_to_key _functools.reduce " +
        "functools.lru_cache itertools.starmap itertools.accumulate itertools.takewhile itertools.dropwhile itertools.filterfalse itertools.imap itertools.ifilter " +
        "gc.get_objects gc.get_referrers gc.get_referents atexit.register weakref.finalize contextlib.ExitStack copyreg.pickle copyreg.add_extension copy_reg.pickle " +
        "uuid._get_command_stdout uuid._popen uuid.getnode collections.namedtuple typing.get_type_hints typing.ForwardRef dataclasses.make_dataclass pydoc.pipepager " +
        "pathlib.Path.open pathlib.Path.unlink pathlib.Path.write_text pathlib.Path.write_bytes pathlib.Path.read_text pathlib.Path.read_bytes " +
        "getpass.getuser getpass.getpass string.Formatter json.load json.dump";

    private const string Builtins = "builtins.";

    // What Python 2 calls builtins, and what each module calls them.
    private static readonly string[] s_builtins = ["__builtin__.", "__builtins__."];

    private static readonly FrozenSet<string> s_modules = Modules.Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_modulesBySpan = s_modules.GetAlternateLookup<ReadOnlySpan<char>>();

    private static readonly FrozenSet<string> s_functions = Functions.Split(' ').ToFrozenSet(StringComparer.Ordinal);

    // Names by which modules reach one another: numpy.os is os.
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_reached =
        "os sys subprocess builtins importlib shutil socket ctypes pickle posix nt runpy pty marshal popen system".Split(' ').ToFrozenSet(StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();

    // First parts of what may stand behind other names, builtins without the name of their module.
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_tailRoots =
        Roots.Concat(s_modules.Concat(s_functions).Where(static name => name.StartsWith(Builtins, StringComparison.Ordinal)).Select(static name => name[Builtins.Length..].Split('.')[0]))
            .ToFrozenSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Whether <paramref name="fullName"/>, or a module that it is in, is on the list.</summary>
    public static bool Contains(string fullName)
    {
        foreach (string module in s_builtins)
        {
            if (fullName.StartsWith(module, StringComparison.Ordinal))
            {
                fullName = string.Concat(Builtins, fullName.AsSpan(module.Length));
            }
        }
        if (s_functions.Contains(fullName))
        {
            return true;
        }
        for (int dot = fullName.Length; dot > 0; dot = fullName.LastIndexOf('.', dot - 1))
        {
            if (s_modulesBySpan.Contains(fullName.AsSpan(0, dot)))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The first parts of all of them.</summary>
    public static IEnumerable<string> Roots => s_modules.Concat(s_functions).Select(static name => name.Split('.')[0]).Concat(s_builtins.Select(static name => name.TrimEnd('.')));

    /// <summary>Whether an attribute of any module is likely to be one of these modules.</summary>
    public static bool IsModuleReached(ReadOnlySpan<char> attribute) => s_reached.Contains(attribute);

    /// <summary>Whether the <paramref name="part"/> of a dotted name leads to one of these, whatever is before it.</summary>
    public static bool IsReached(string name, Range part)
    {
        ReadOnlySpan<char> first = name.AsSpan(part);
        if (IsModuleReached(first))
        {
            return true;
        }
        if (part.Start.Value == 0 || !s_tailRoots.Contains(first))
        {
            return false;
        }
        string tail = name[part.Start..];
        return Contains(tail) || Contains(Builtins + tail);
    }

    /// <summary>Whether a name is on the list at its root, so that a wildcard does not accept it as an attribute of something else.</summary>
    public static bool IsModule(string name) => s_modules.Contains(name);
}
