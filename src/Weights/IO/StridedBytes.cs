using System.Buffers;
using System.Runtime.InteropServices;

namespace Weights.IO;

/// <summary>
/// A view with strides, read as if it were contiguous and row-major: transposed, stepped and expanded tensors are put in
/// order while they are copied.
/// </summary>
/// <remarks>
/// A range of the view is cut into boxes (at most two per axis and one more). Within a box the storage is read in the order
/// it lies in, along the axis with the smallest stride, so a transposed matrix costs one read per run of the chunk's rows and
/// not one per element; runs that lie closer together than <see cref="NearBytes"/> are read at once. Where runs are columns of what is read, many are turned together, by <see cref="Transposition"/>.
/// A chunk of 1 MiB may have two rows of a wide matrix, and so runs of two elements. What lies in another order than it is read in is therefore
/// read through <see cref="BandedBytes"/>: transposing 500 MB of rows of 16 KiB then takes 8 s instead of 90.
/// </remarks>
public sealed class StridedBytes : UnitBytes
{
    // A read of 4 KiB takes about as long as the system call itself: below that, reading the gap is cheaper than a second call.
    private const int NearBytes = 4096;
    private const int WindowBytes = 1 << 18;

    // What is turned at once: the longer its columns, the more lines of the output are filled in a row.
    private const int TurnedBytes = 1 << 19;
    private const int LineBytes = 64;
    private const int LeastTurned = 8;

    private readonly ByteSource _storage;
    private readonly int _elementBytes;
    private readonly long _first;
    private readonly Axis[] _axes;

    private StridedBytes(ByteSource storage, int elementBytes, long first, Axis[] axes)
        : base(elementBytes)
    {
        (_storage, _elementBytes, _first, _axes) = (storage, elementBytes, first, axes);
        long count = 1;
        foreach (Axis axis in axes)
        {
            count = checked(count * axis.Size);
        }
        Length = checked(count * elementBytes);
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override bool ReadsForward => _storage.ReadsForward;

    /// <summary>A view of <paramref name="storage"/>; a plain slice of it where the view is contiguous.</summary>
    /// <param name="storage">Elements of <paramref name="elementBytes"/> bytes.</param>
    /// <param name="elementBytes">Bytes per element.</param>
    /// <param name="firstElement">Index in the storage of the view's first element.</param>
    /// <param name="shape">Dimensions, outermost first.</param>
    /// <param name="strides">For each dimension, how many storage elements one step is; not negative.</param>
    /// <exception cref="ArgumentException">The view is not inside the storage.</exception>
    public static ByteSource Create(ByteSource storage, int elementBytes, long firstElement, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        ArgumentNullException.ThrowIfNull(storage);
        if (!IsInside(storage.Length / elementBytes, firstElement, shape, strides))
        {
            throw new ArgumentException($"the view at {firstElement} of shape [{string.Join(", ", shape.ToArray())}] and strides [{string.Join(", ", strides.ToArray())}] is not inside {storage.Length / elementBytes} elements");
        }
        if (shape.Contains(0))
        {
            return new MemoryBytes(ReadOnlyMemory<byte>.Empty);
        }
        List<Axis> axes = Merge(shape, strides);
        return axes switch
        {
            [] => storage.Slice(firstElement * elementBytes, elementBytes),
            [{ Stride: 1 } only] => storage.Slice(firstElement * elementBytes, only.Size * elementBytes),
            // In the order of the storage, but for axes that repeat it, every range is read in one sweep.
            _ when IsDescending(axes) => new StridedBytes(storage, elementBytes, firstElement, [.. axes]),
            _ => BandedBytes.Create(new StridedBytes(storage, elementBytes, firstElement, [.. axes])),
        };
    }

    /// <summary>Whether every element of a view is one of <paramref name="elements"/> of the storage; an empty view always is.</summary>
    public static bool IsInside(long elements, long firstElement, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        if (shape.Length != strides.Length || firstElement < 0)
        {
            return false;
        }
        Int128 last = firstElement;
        Int128 count = 1;
        for (int axis = 0; axis < shape.Length; axis++)
        {
            if (shape[axis] < 0 || strides[axis] < 0)
            {
                return false;
            }
            if (shape[axis] == 0)
            {
                return true;
            }
            last += (Int128)(shape[axis] - 1) * strides[axis];
            count *= shape[axis];
            if (last > long.MaxValue || count > long.MaxValue / 16)
            {
                return false;
            }
        }
        return last < elements;
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        byte[] window = ArrayPool<byte>.Shared.Rent(TurnedBytes);
        try
        {
            Gather gather = new(this, window, units);
            gather.Range(first, units.Length / _elementBytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    private static bool IsDescending(List<Axis> axes)
    {
        Axis[] moving = [.. axes.Where(static axis => axis.Stride != 0)];
        return moving.Zip(moving.Skip(1)).All(static pair => pair.First.Stride >= pair.Second.Stride);
    }

    // Axes of one element vanish, and axes that lie as one axis would become one.
    private static List<Axis> Merge(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        List<Axis> axes = [];
        for (int index = 0; index < shape.Length; index++)
        {
            if (shape[index] == 1)
            {
                continue;
            }
            Axis inner = new(shape[index], strides[index]);
            if (axes.Count > 0 && axes[^1].Stride == (Int128)inner.Stride * inner.Size)
            {
                axes[^1] = new Axis(checked(axes[^1].Size * inner.Size), inner.Stride);
            }
            else
            {
                axes.Add(inner);
            }
        }
        return axes;
    }

    private readonly record struct Axis(long Size, long Stride);

    /// <summary>An axis within a box: how many steps, and how far one goes in the storage and in the output, in elements.</summary>
    private readonly record struct BoxAxis(long Count, long Stride, long OutputStride);

    private ref struct Gather(StridedBytes view, byte[] window, Span<byte> output)
    {
        private readonly int _elementBytes = view._elementBytes;
        private readonly Span<byte> _output = output;
        private long _windowStart;
        private int _windowLength;

        /// <summary>Elements <paramref name="first"/> and following of the view.</summary>
        public void Range(long first, long count) => Range(0, first, count, view._first, 0);

        // The range lies within one step of the axes before `axis`; `storage` is where that step begins, `at` where its elements go.
        private void Range(int axis, long first, long count, long storage, long at)
        {
            while (count > 0)
            {
                long inner = 1;
                for (int index = axis + 1; index < view._axes.Length; index++)
                {
                    inner *= view._axes[index].Size;
                }
                long stride = view._axes[axis].Stride;
                (long step, long rest) = Math.DivRem(first, inner);
                if (rest != 0 || count < inner)
                {
                    long taken = Math.Min(count, inner - rest);
                    Range(axis + 1, rest, taken, storage + (step * stride), at);
                    (first, count, at) = (first + taken, count - taken, at + taken);
                }
                else
                {
                    long steps = count / inner;
                    Box(axis, steps, inner, storage + (step * stride), at);
                    (first, count, at) = (first + (steps * inner), count - (steps * inner), at + (steps * inner));
                }
            }
        }

        // All of the axes after `axis`, times `steps` of that axis itself.
        private void Box(int axis, long steps, long inner, long storage, long at)
        {
            Span<BoxAxis> axes = stackalloc BoxAxis[view._axes.Length - axis];
            axes[0] = new BoxAxis(steps, view._axes[axis].Stride, inner);
            for (int index = 1; index < axes.Length; index++)
            {
                Axis whole = view._axes[axis + index];
                inner /= whole.Size;
                axes[index] = new BoxAxis(whole.Size, whole.Stride, inner);
            }
            // Largest stride outermost; expanded axes (stride 0) just above the innermost, where the window still holds their run.
            axes.Sort(static (left, right) => right.Stride.CompareTo(left.Stride));
            int fastest = axes.Length - 1;
            while (fastest > 0 && axes[fastest].Stride == 0)
            {
                fastest--;
            }
            BoxAxis run = axes[fastest];
            for (int index = fastest; index < axes.Length - 1; index++)
            {
                axes[index] = axes[index + 1];
            }
            Walk(axes[..^1], run, storage, at);
        }

        private void Walk(scoped ReadOnlySpan<BoxAxis> axes, BoxAxis run, long storage, long at)
        {
            if (axes.IsEmpty)
            {
                Run(run, storage, at);
                return;
            }
            if (axes.Length == 1 && IsPlane(axes[0], run))
            {
                Plane(axes[0], run, storage, at);
                return;
            }
            for (long step = 0; step < axes[0].Count; step++)
            {
                Walk(axes[1..], run, storage + (step * axes[0].Stride), at + (step * axes[0].OutputStride));
            }
        }

        // Runs that are columns of the output, and enough of them.
        private readonly bool IsPlane(BoxAxis rows, BoxAxis run) => rows.OutputStride == 1 && run.Stride == 1
            && Math.Min(rows.Count, run.Count) >= LeastTurned && _elementBytes is 1 or 2 or 4;

        // A window of rows of the storage at a time: at least so many that they fill lines of the output, and of these as much as the window holds.
        private void Plane(BoxAxis rows, BoxAxis run, long storage, long at)
        {
            int most = TurnedBytes / _elementBytes;
            int line = LineBytes / _elementBytes;
            int least = (int)Math.Min(rows.Count, line);
            int width = (int)Math.Min(run.Count, (most / least) - line);
            bool isNear = (rows.Stride - width) * _elementBytes <= NearBytes && ((least - 1) * rows.Stride) + width <= most;
            // Rows that are read one by one do not begin at the same place of a page, where they would be upon the same lines of a cache.
            int pitch = isNear ? (int)rows.Stride : width + line;
            int height = (int)Math.Min(rows.Count, ((most - width) / pitch) + 1);
            height = height < rows.Count ? height / line * line : height;
            for (long column = 0; column < run.Count; column += width)
            {
                int columns = (int)Math.Min(width, run.Count - column);
                for (long row = 0; row < rows.Count; row += height)
                {
                    int count = (int)Math.Min(height, rows.Count - row);
                    long first = storage + column + (row * rows.Stride);
                    ReadOnlySpan<byte> read = isNear ? Window(first * _elementBytes, (((count - 1) * pitch) + columns) * _elementBytes) : Lines(first, rows.Stride, count, columns, pitch);
                    Turn(read, pitch, count, columns, _output[(int)((at + (column * run.OutputStride) + row) * _elementBytes)..], (int)run.OutputStride);
                }
            }
        }

        private ReadOnlySpan<byte> Lines(long first, long stride, int count, int columns, int pitch)
        {
            _windowLength = 0;
            for (int line = 0; line < count; line++)
            {
                view._storage.Read((first + (line * stride)) * _elementBytes, window.AsSpan(line * pitch * _elementBytes, columns * _elementBytes));
            }
            return window;
        }

        private readonly void Turn(ReadOnlySpan<byte> read, int pitch, int rows, int columns, Span<byte> target, int stride)
        {
            switch (_elementBytes)
            {
                case 1:
                    Transposition.Copy(read, pitch, rows, columns, target, stride);
                    break;
                case 2:
                    Transposition.Copy(MemoryMarshal.Cast<byte, ushort>(read), pitch, rows, columns, MemoryMarshal.Cast<byte, ushort>(target), stride);
                    break;
                default:
                    Transposition.Copy(MemoryMarshal.Cast<byte, uint>(read), pitch, rows, columns, MemoryMarshal.Cast<byte, uint>(target), stride);
                    break;
            }
        }

        private void Run(BoxAxis run, long storage, long at)
        {
            if (run.Stride == 1 && run.OutputStride == 1 && run.Count * _elementBytes >= NearBytes)
            {
                view._storage.Read(storage * _elementBytes, _output.Slice((int)(at * _elementBytes), (int)(run.Count * _elementBytes)));
                return;
            }
            while (run.Count > 0)
            {
                // As many elements of the run as one window covers; one at a time when they lie further apart than that.
                long reach = run.Stride == 0 ? run.Count : Math.Min(run.Count, (((WindowBytes / _elementBytes) - 1) / run.Stride) + 1);
                int span = (int)((((reach - 1) * run.Stride) + 1) * _elementBytes);
                Copy(Window(storage * _elementBytes, span), run with { Count = reach }, at);
                storage += reach * run.Stride;
                at += reach * run.OutputStride;
                run = run with { Count = run.Count - reach };
            }
        }

        private ReadOnlySpan<byte> Window(long offset, int length)
        {
            long skip = offset - _windowStart;
            if (skip < 0 || skip + length > _windowLength)
            {
                // The next run is near if this one began near the last: then take a whole window, else just what is needed.
                bool near = skip >= 0 && skip <= _windowLength + NearBytes;
                _windowStart = offset;
                _windowLength = (int)Math.Min(near ? Math.Max(WindowBytes, length) : length, view._storage.Length - offset);
                view._storage.Read(offset, window.AsSpan(0, _windowLength));
                skip = 0;
            }
            return window.AsSpan((int)skip, length);
        }

        private readonly void Copy(ReadOnlySpan<byte> source, BoxAxis run, long at)
        {
            Span<byte> target = _output[(int)(at * _elementBytes)..];
            switch (_elementBytes)
            {
                case 1:
                    Copy<byte>(source, target, run);
                    break;
                case 2:
                    Copy<ushort>(source, target, run);
                    break;
                case 4:
                    Copy<uint>(source, target, run);
                    break;
                case 8:
                    Copy<ulong>(source, target, run);
                    break;
                default:
                    for (int index = 0; index < run.Count; index++)
                    {
                        source.Slice((int)(index * run.Stride * _elementBytes), _elementBytes).CopyTo(target[(int)(index * run.OutputStride * _elementBytes)..]);
                    }
                    break;
            }
        }

        private static void Copy<T>(ReadOnlySpan<byte> source, Span<byte> target, BoxAxis run)
            where T : unmanaged
        {
            ReadOnlySpan<T> from = MemoryMarshal.Cast<byte, T>(source);
            Span<T> to = MemoryMarshal.Cast<byte, T>(target);
            (int stride, int outputStride) = ((int)run.Stride, (int)run.OutputStride);
            for (int index = 0, read = 0, write = 0; index < (int)run.Count; index++, read += stride, write += outputStride)
            {
                to[write] = from[read];
            }
        }
    }
}
